// Handlers behind a guard

export { allowPublic } from './handlers/allow-public.ts'
export { guarded } from './handlers/guarded.ts'
export type { ArgumentsOf, GuardedHandler, Handler } from './handlers/handler.ts'
export { requireAll } from './handlers/require-all.ts'
export { requireAny } from './handlers/require-any.ts'
export { requireOrg } from './handlers/require-org.ts'
export { requireRole } from './handlers/require-role.ts'
export { requireScope } from './handlers/require-scope.ts'
export { requireUser } from './handlers/require-user.ts'

// The server around them

export type { DecisionEvent } from './decisions/decision-event.ts'
export type { Explanation } from './explain.ts'
export { explain } from './explain.ts'
export type { Annotations, Rule } from './items/rule.ts'
export type { RuleKind } from './items/target.ts'
export type { CreateServer, EntryServer } from './listen/listen-stream.ts'
export type { EntryHandler } from './listen/protect-handler.ts'
export { protectHandler } from './listen/protect-handler.ts'
export { protectStdio } from './listen/protect-stdio.ts'
export type { ProtectableServer, ProtectOptions } from './protect.ts'
export { protect } from './protect.ts'

// What belongs to one caller

export type { ElicitationOptions, Elicitations } from './owners/elicitations.ts'
export { createElicitations } from './owners/elicitations.ts'
export type { Events } from './owners/own-events.ts'
export { ownEvents } from './owners/own-events.ts'
export { callerKey } from './owners/session-owner.ts'

// Identity without HTTP

export type { IdentifyTransportOptions } from './local/identify-transport.ts'
export { identifyTransport } from './local/identify-transport.ts'
export type { PlainTransport } from './local/plain-transport.ts'

// Identity in code below a call

export type { WithIdentity } from './handlers/identity-of.ts'
export { identityOf } from './handlers/identity-of.ts'

// What a refused caller gets

export { type Denial, denialKey } from '@onbehalf/core/guards'
export type { DenialResult } from './handlers/denial.ts'
