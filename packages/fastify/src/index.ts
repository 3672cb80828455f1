// Answers refused callers and admits the others; publishes where tokens come from.
export { type AuthenticateOptions, authenticate } from './authenticate.ts'
export type { Hook } from './hook.ts'
// For handlers behind it.
export { identityOf } from './identity-of.ts'
export { resourceMetadata } from './resource-metadata.ts'
