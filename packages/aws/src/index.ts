// An Application Load Balancer in front of the server.
export { type AwsAlbOptions, awsAlb } from './alb/aws-alb.ts'
// Amazon Bedrock AgentCore Gateway: the person on the way to each target.
export { type ClientMetadataOptions, clientMetadata } from './client-metadata.ts'
export {
  type ForwardInboundTokenOptions,
  forwardInboundToken,
} from './forward-inbound-token.ts'
export { type HeaderReader, type HeadersOptions, headers } from './headers.ts'
export type {
  InterceptedExchange,
  InterceptedRequest,
  InterceptorAnswer,
  InterceptorEvent,
  TransformedExchange,
  TransformedRequest,
  TransformedResponse,
} from './interceptor-event.ts'
export type { InterceptorEventReport, RequestInterceptorOptions } from './interceptor-options.ts'
export type { InterceptorRefusalReason } from './interceptor-refusal.ts'
export type { IssuedTokenOptions } from './issued-token.ts'
// Amazon Cognito: the person inside a machine token.
export type { ActClaim, OnBehalfOf } from './on-behalf-of.ts'
export type { PreTokenGenerationEvent } from './pre-token-event.ts'
export type { PreTokenTriggerOptions, TriggerEvent } from './pre-token-options.ts'
export { type PreTokenTrigger, preTokenTrigger } from './pre-token-trigger.ts'
export { type RequestInterceptor, requestInterceptor } from './request-interceptor.ts'
// Amazon Bedrock AgentCore Runtime.
export { runtimeHeader } from './runtime-header.ts'
export type { TargetMode, VerifiedCaller } from './target-mode.ts'
export type { OAuthClientOptions } from './token-endpoint.ts'
export { type TokenExchangeOptions, tokenExchange } from './token-exchange.ts'
export { TriggerRefusal, type TriggerRefusalReason } from './trigger-refusal.ts'
