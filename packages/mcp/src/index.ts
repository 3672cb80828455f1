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

export type { Explanation } from './explain.ts'
export { explain } from './explain.ts'
export type { RuleKind } from './items/items.ts'
export type { Annotations, Rule } from './items/rule.ts'

export type { ServerOptions } from './options.ts'
export type { ProtectOptions } from './protect.ts'
export { protect } from './protect.ts'
export type { EntryHandler, ProtectedHandlerOptions } from './protected-handler.ts'
export { protectedHandler } from './protected-handler.ts'
export type { ProtectedStdioOptions } from './protected-stdio.ts'
export { protectedStdio } from './protected-stdio.ts'
export type {
  DecisionEvent,
  EntryServer,
  LimitEvent,
  ProtectableServer,
  ServerEvent,
} from './protection.ts'
export type { PlainTransport } from './stdio/authenticate-line.ts'
export type { TokenOptions } from './stdio/token.ts'

// Behind the bearer middleware of an SDK

export type {
  OAuthErrors,
  OAuthErrorsV1,
  OAuthErrorsV2,
  TokenVerifier,
} from './http/token-verifier.ts'
export { createTokenVerifier } from './http/token-verifier.ts'

// What belongs to one caller

export type { ElicitationOptions, Elicitations } from './owners/elicitations.ts'
export { createElicitations } from './owners/elicitations.ts'
export { callerKey } from './owners/session-owner.ts'

// Stopping

export type { Closable } from './drain/close-all.ts'
export type { DrainOptions, DrainReport } from './drain/drain.ts'
export { drain, isDraining } from './drain/drain.ts'

// Identity in code below a call

export { currentIdentity } from './ambient/current-identity.ts'
export type { WithIdentity } from './handlers/identity-of.ts'
export { identityOf } from './handlers/identity-of.ts'
export { limitsOf } from './handlers/limits-of.ts'

// What a refused caller gets

export { type Denial, denialKey } from '@onbehalf/core/guards'
export type { DenialResult } from './handlers/denial.ts'
