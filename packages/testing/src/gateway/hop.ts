import type { IncomingMessage } from 'node:http'
import { decodeJwt, type JWTPayload } from 'jose'
import type { RpcMessage } from './messages.ts'

/** What a token says. Its signature is not checked here, and the token itself is not kept. */
export interface TokenFacts {
  /** `sub`. */
  readonly subject: string | undefined
  /** `client_id`, or what an issuer has instead: `azp`, `cid`, `appid`. */
  readonly client: string | undefined
  /** `aud`; empty where there is none. */
  readonly audience: readonly string[]
  /** `exp`, in seconds since 1970. */
  readonly expiresAt: number | undefined
  /** All claims; empty for a token that is not a JWT. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What one message looked like before and behind the gateway. */
export interface GatewayHop {
  /** Name of the target. */
  readonly target: string
  /** `POST`, or `GET` and `DELETE` of a session. */
  readonly httpMethod: string
  /** JSON-RPC method. Absent for a response, and where there is no message. */
  readonly method: string | undefined
  /** Name of the called tool. */
  readonly tool: string | undefined
  /** The caller's token. Absent when the gateway calls of its own accord. */
  readonly inbound: TokenFacts | undefined
  readonly outbound: {
    /** Names of the headers that the target got, in lower case, without those of the connection. */
    readonly headers: readonly string[]
    /** The tokens among them, by header: also one that the caller typed. */
    readonly tokens: Readonly<Record<string, TokenFacts>>
  }
}

/** One call as the gateway makes it. */
export interface GatewayCall {
  readonly target: string
  readonly httpMethod: IncomingMessage['method']
  /** The caller's token. */
  readonly inbound: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** Where a gateway tells what happens. */
export interface GatewayHooks {
  readonly onHop?: (hop: GatewayHop) => void
  readonly onError?: (error: unknown) => void
}

/** Tells what reached the target. What the hook throws changes nothing for the caller. */
export function reportHops(
  { onHop, onError }: GatewayHooks,
  call: GatewayCall,
  messages: readonly RpcMessage[],
): void {
  if (!onHop) return
  try {
    for (const hop of toHops(call, messages)) onHop(hop)
  } catch (error) {
    onError?.(error)
  }
}

// One hop a message: a batch has several, a request without a message has one.
function toHops(call: GatewayCall, messages: readonly RpcMessage[]): GatewayHop[] {
  const { target, httpMethod = '', inbound, headers } = call
  const facts = {
    target,
    httpMethod,
    inbound: inbound === undefined ? undefined : toTokenFacts(inbound),
    outbound: { headers: Object.keys(headers).toSorted(), tokens: tokensAmong(headers) },
  }
  const nothing: Partial<RpcMessage> = {}
  return (messages.length === 0 ? [nothing] : messages).map(({ method, tool }) => ({
    ...facts,
    method,
    tool,
  }))
}

function tokensAmong(headers: Readonly<Record<string, string>>): Record<string, TokenFacts> {
  const tokens = Object.entries(headers).flatMap(([name, value]) => {
    const token = value.replace(/^Bearer +/i, '')
    const isToken = name === 'authorization' || decode(token) !== undefined
    return isToken ? [[name, toTokenFacts(token)] as const] : []
  })
  return Object.fromEntries(tokens)
}

function toTokenFacts(token: string): TokenFacts {
  const claims = decode(token) ?? {}
  const { sub, aud = [], exp } = claims
  const clients = [claims['client_id'], claims['azp'], claims['cid'], claims['appid']]
  return {
    subject: sub,
    client: clients.find((client) => typeof client === 'string'),
    audience: [aud].flat(),
    expiresAt: exp,
    claims,
  }
}

function decode(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token)
  } catch {
    return undefined
  }
}
