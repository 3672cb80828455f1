// Amazon Cognito: the person inside a machine token.
export type { ActClaim, OnBehalfOf } from './on-behalf-of.ts'
export type { PreTokenGenerationEvent } from './pre-token-event.ts'
export type { PreTokenTriggerOptions, TriggerEvent } from './pre-token-options.ts'
export { type PreTokenTrigger, preTokenTrigger } from './pre-token-trigger.ts'
export { TriggerRefusal, type TriggerRefusalReason } from './trigger-refusal.ts'
