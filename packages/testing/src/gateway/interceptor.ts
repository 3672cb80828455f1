import type { IncomingMessage } from 'node:http'
import { isRecord } from '@onbehalf/core/internal'

/** What a REQUEST interceptor of AgentCore Gateway is called with, for an MCP target. */
export interface InterceptorRequestEvent {
  interceptorInputVersion: '1.0'
  mcp: {
    rawGatewayRequest: { body: string }
    gatewayRequest: {
      path: string
      httpMethod: string
      /** As with `passRequestHeaders: true`: the bearer is among them. Names are in lower case. */
      headers: Record<string, string>
      /** The JSON-RPC message; tools are called by `target___tool`. `null` where there is none. */
      body: unknown
      context: null
    }
    gatewayResponse: null
  }
}

/** The handler of an interceptor's Lambda function. */
export type RequestInterceptor = (event: InterceptorRequestEvent) => unknown

/** What the interceptor makes of a request: the answer to it, or how it continues. */
export type Intercepted =
  | { readonly kind: 'answered'; readonly status: number; readonly body: unknown }
  | {
      readonly kind: 'passed'
      /** Written over those of the caller. Names in lower case. */
      readonly headers: Readonly<Record<string, string>>
      readonly body: Buffer
    }

/**
 * Calls the interceptor as AgentCore Gateway does. Event and answer cross as JSON, as they would to a Lambda
 * function.
 *
 * @throws what the interceptor threw; TypeError for an answer that AgentCore Gateway would not take.
 */
export async function intercept(
  interceptor: RequestInterceptor,
  target: string,
  req: IncomingMessage,
  body: Buffer,
): Promise<Intercepted> {
  const event = createEvent(target, req, body.toString())
  const answer = overJson(await interceptor(overJson(event) as InterceptorRequestEvent))
  const { interceptorOutputVersion: version, mcp } = (answer ?? {}) as Record<string, unknown>
  if (version !== '1.0' || !isRecord(mcp)) throw unknownAnswer()
  const { transformedGatewayResponse: response, transformedGatewayRequest: request } = mcp
  // An answer wins over a request.
  if (isRecord(response)) return toAnswer(response)
  if (isRecord(request)) return toPassed(request, target, body)
  throw unknownAnswer()
}

function createEvent(target: string, req: IncomingMessage, text: string): InterceptorRequestEvent {
  const headers = Object.entries(req.headers).map(([name, value]) => [
    name,
    [value].flat().join(', '),
  ])
  const body: unknown =
    text === '' ? null : rename(JSON.parse(text), (tool) => `${target}___${tool}`)
  return {
    interceptorInputVersion: '1.0',
    mcp: {
      rawGatewayRequest: { body: text },
      gatewayRequest: {
        path: '/mcp',
        httpMethod: req.method ?? '',
        headers: Object.fromEntries(headers) as Record<string, string>,
        body,
        context: null,
      },
      gatewayResponse: null,
    },
  }
}

function toAnswer({ statusCode, body }: Record<string, unknown>): Intercepted {
  if (typeof statusCode !== 'number') throw unknownAnswer()
  return { kind: 'answered', status: statusCode, body }
}

function toPassed(
  { headers = {}, body: transformed }: Record<string, unknown>,
  target: string,
  body: Buffer,
): Intercepted {
  if (!isRecord(headers)) throw unknownAnswer()
  const written = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    String(value),
  ])
  const message = rename(transformed, (tool) => withoutPrefix(tool, `${target}___`))
  return {
    kind: 'passed',
    headers: Object.fromEntries(written) as Record<string, string>,
    body: message == null ? body : Buffer.from(JSON.stringify(message)),
  }
}

// The target behind this gateway is known by the path: another one's tool could not be called.
function withoutPrefix(tool: string, prefix: string): string {
  if (!tool.startsWith(prefix)) throw new TypeError('the interceptor changed the target')
  return tool.slice(prefix.length)
}

/** The gateway has one list of tools for all its targets; a target knows its own by their names. */
function rename(message: unknown, to: (tool: string) => string): unknown {
  if (!isRecord(message) || !isRecord(message['params'])) return message
  const { method, params } = message
  const { name } = params as Record<string, unknown>
  if ((method !== 'tools/call' && method !== 'prompts/get') || typeof name !== 'string') {
    return message
  }
  return { ...message, params: { ...(params as object), name: to(name) } }
}

function overJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null)) as unknown
}

function unknownAnswer(): TypeError {
  return new TypeError('the interceptor answered in a shape that the gateway does not know')
}
