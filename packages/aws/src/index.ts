// An Application Load Balancer in front of the server.
export { awsAlb } from './alb/aws-alb.ts'
export type { AwsAlbOptions } from './alb/options.ts'
export type {
  InterceptedExchange,
  InterceptedRequest,
  InterceptorAnswer,
  InterceptorEvent,
  TransformedExchange,
  TransformedRequest,
  TransformedResponse,
} from './interceptor/event.ts'
// Amazon Bedrock AgentCore Gateway: the user on the way to each target.
export { type ClientMetadataOptions, clientMetadata } from './interceptor/modes/client-metadata.ts'
export {
  type ForwardInboundTokenOptions,
  forwardInboundToken,
} from './interceptor/modes/forward-inbound-token.ts'
export {
  type HeaderReader,
  type HeadersOptions,
  headers,
  type InterceptorProof,
} from './interceptor/modes/headers.ts'
export type { IssuedTokenOptions } from './interceptor/modes/issued-token.ts'
export type { TargetMode, VerifiedCaller } from './interceptor/modes/target-mode.ts'
export type { OAuthClientOptions } from './interceptor/modes/token-endpoint.ts'
export { type TokenExchangeOptions, tokenExchange } from './interceptor/modes/token-exchange.ts'
export type { InterceptorEventReport, RequestInterceptorOptions } from './interceptor/options.ts'
export type { InterceptorRefusalReason } from './interceptor/refusal.ts'
export { type RequestInterceptor, requestInterceptor } from './interceptor/request-interceptor.ts'
export type { LambdaContext } from './lambda-context.ts'
// Amazon Bedrock AgentCore Runtime.
export { runtimeHeader } from './runtime-header.ts'
export type { PreTokenGenerationEvent } from './trigger/event.ts'
// Amazon Cognito: the user inside a machine token.
export type { ActClaim, OnBehalfOf } from './trigger/on-behalf-of.ts'
export type { PreTokenTriggerOptions, TriggerEvent } from './trigger/options.ts'
export { type PreTokenTrigger, preTokenTrigger } from './trigger/pre-token-trigger.ts'
export { TriggerRefusal, type TriggerRefusalReason } from './trigger/refusal.ts'
