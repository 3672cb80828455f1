/**
 * What AgentCore Gateway hands to a REQUEST interceptor: `mcp` for MCP targets, `http` for the others.
 * @see https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-interceptors-types.html
 */
export interface InterceptorEvent {
  readonly interceptorInputVersion: string
  readonly mcp?: InterceptedExchange
  readonly http?: InterceptedExchange
}

/** One request on its way, and no answer yet. */
export interface InterceptedExchange {
  readonly gatewayRequest: InterceptedRequest
  /** `null` or absent before the target was called. */
  readonly gatewayResponse?: unknown
  readonly rawGatewayRequest?: unknown
}

/** The request as the gateway got it. */
export interface InterceptedRequest {
  readonly path: string
  readonly httpMethod: string
  /** Only with `passRequestHeaders: true`. The names may be in lower case. */
  readonly headers?: Readonly<Record<string, string>> | null
  /** A JSON-RPC message; for `http` base64 text. */
  readonly body?: unknown
}

/** What an interceptor answers with. */
export interface InterceptorAnswer {
  readonly interceptorOutputVersion: '1.0'
  readonly mcp?: TransformedExchange
  readonly http?: TransformedExchange
}

/** The request to pass on, or the answer that stops it. */
export type TransformedExchange =
  | { readonly transformedGatewayRequest: TransformedRequest }
  | { readonly transformedGatewayResponse: TransformedResponse }

export interface TransformedRequest {
  /** Written over what the client sent. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

export interface TransformedResponse {
  readonly statusCode: number
  readonly body: unknown
}
