// Handlers behind a guard

export { allowPublic } from './allow-public.ts'
export type { HandlerWrapper } from './guarded.ts'
export { guarded } from './guarded.ts'
export type { ArgumentsOf, GuardedHandler, Handler } from './handler.ts'
export { requireAll } from './require-all.ts'
export { requireAny } from './require-any.ts'
export { requireOrg } from './require-org.ts'
export { requireRole } from './require-role.ts'
export { requireScope } from './require-scope.ts'
export { requireUser } from './require-user.ts'

// The server around them

export type { DecisionEvent } from './decision-event.ts'
export type { Explanation } from './explain.ts'
export { explain } from './explain.ts'
export type { CreateServer, EntryServer } from './listen-stream.ts'
export type { ProtectableServer, ProtectOptions } from './protect.ts'
export { protect } from './protect.ts'
export type { EntryHandler } from './protect-handler.ts'
export { protectHandler } from './protect-handler.ts'
export { protectStdio } from './protect-stdio.ts'
export type { Annotations, Rule } from './rule.ts'
export type { RuleKind } from './target.ts'

// What belongs to one caller

export type { ElicitationOptions, Elicitations } from './elicitations.ts'
export { createElicitations } from './elicitations.ts'
export type { Events } from './own-events.ts'
export { ownEvents } from './own-events.ts'
export { callerKey } from './session-owner.ts'

// Identity without HTTP

export type { IdentifyTransportOptions } from './identify-transport.ts'
export { identifyTransport } from './identify-transport.ts'
export type { PlainTransport } from './plain-transport.ts'

// Identity in code below a call

export { currentIdentity } from './current-identity.ts'
export type { WithIdentity } from './identity-of.ts'
export { identityOf } from './identity-of.ts'

// What a refused caller gets

export { type Denial, denialKey } from '@onbehalf/core/guards'
export type { DenialResult } from './denial.ts'
