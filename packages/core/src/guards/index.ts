// Asking a guard

export type { CheckArgumentsFunction, CheckFunction, CheckOptions } from './check.ts'
// Guards
export { check } from './check.ts'
export { all, any } from './combine.ts'
export type { DecideOptions } from './decide.ts'
export { decide, narrow } from './decide.ts'
export type { Denial } from './denial.ts'
// Telling a caller why
export { denialKey } from './denial.ts'
export type {
  Allow,
  Budget,
  Call,
  Decision,
  DenialReason,
  Deny,
  Granted,
  Guard,
  Limit,
  LimitedCall,
  Narrowed,
  Requirement,
  Taken,
  Unknown,
} from './guard.ts'
// Writing a guard
export { allow, deny, unknown } from './guard.ts'
export type { OrganizationOptions, WithOrganization } from './organization.ts'
export { organization } from './organization.ts'
export { role } from './role.ts'
export type { ScopeOptions } from './scope.ts'
export { scope } from './scope.ts'
export type { UserIdentity } from './user.ts'
export { user } from './user.ts'
