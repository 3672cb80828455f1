// What the @onbehalf packages share and users do not see. Not public: it changes in any release,
// without regard to semver.

export type { RecordedCall } from './decisions/decide-request.ts'
export { recordedCallOf } from './decisions/decide-request.ts'
export type { Remedy } from './decisions/remedy.ts'
export { setRemedy } from './decisions/remedy.ts'
export { isProtected } from './protection.ts'
