// Answers refused callers and admits the others; publishes where tokens come from.
export {
  type AuthenticateOptions,
  authenticate,
  type IdentityVariables,
} from './authenticate.ts'
export { resourceMetadata } from './resource-metadata.ts'
