// Answers refused callers and admits the others; publishes where tokens come from.
export { type AuthenticateOptions, authenticate } from './authenticate.ts'
// For handlers behind it.
export { identityOf } from './identity-of.ts'
export type { Middleware } from './middleware.ts'
export { resourceMetadata } from './resource-metadata.ts'
