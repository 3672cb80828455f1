import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import {
  type Authenticator,
  type AuthenticatorEvent,
  type Confirmation,
  createAuthenticator,
  createRefusal,
  type Identity,
  type Source,
  type Store,
} from '@onbehalf/core'
import { startServer } from './misbehaving-server.ts'
import { now, resource } from './world.ts'

export interface ResourceServerSetup {
  readonly sources: readonly Source<unknown>[]
  readonly resource?: string
  readonly confirmations?: readonly Confirmation[]
  readonly revocations?: Store
  readonly clock?: () => number
}

export interface Call {
  readonly method?: string
  /** Path and query, byte by byte as it goes out. */
  readonly path?: string
  /** A list is sent as so many lines. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
}

export interface Answer {
  readonly status: number
  /** Without what belongs to the connection. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** A protected resource on `node:http`, seen from outside and from the operator's side. */
export interface ResourceServer {
  readonly authenticator: Authenticator<unknown>
  readonly events: readonly AuthenticatorEvent[]
  call(call?: Call): Promise<Answer>
  /** What the call ends in: the identity, or the reason that the operator is told. */
  verdict(call?: Call): Promise<Identity | { readonly status: number; readonly reason: string }>
}

export async function startResourceServer(setup: ResourceServerSetup): Promise<ResourceServer> {
  const events: AuthenticatorEvent[] = []
  const authenticator = createAuthenticator({
    resource,
    clock: () => now,
    ...setup,
    onEvent: (event) => void events.push(event),
  })
  const { origin } = await startServer((req, res) => {
    const answer = (status: number, headers: object, body: string): void => {
      res.writeHead(status, { ...headers })
      res.end(body)
    }
    void authenticator.authenticate(req).then(
      (identity) => answer(200, {}, JSON.stringify(identity)),
      (error: unknown) => {
        const { status, headers, body } = createRefusal(error, authenticator)
        answer(status, headers, body)
      },
    )
  })

  async function verdict(call: Call = {}): ReturnType<ResourceServer['verdict']> {
    const { status, body } = await send(origin, call)
    if (status === 200) return JSON.parse(body) as Identity
    const event = events.findLast(({ type }) => type === 'refused')
    return { status, reason: (event as { reason?: string } | undefined)?.reason ?? '' }
  }

  return { authenticator, events, call: (call = {}) => send(origin, call), verdict }
}

const ofTheConnection = new Set([
  'connection',
  'keep-alive',
  'date',
  'content-length',
  'transfer-encoding',
])

function send(
  origin: string,
  { method = 'POST', path = '/mcp', headers = {} }: Call,
): Promise<Answer> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const options = { hostname, port, method, path, headers, agent: false }
    request(options as object, (response) => {
      const kept = Object.entries(response.headers).filter(([name]) => !ofTheConnection.has(name))
      text(response).then(
        (body) =>
          resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(kept), body }),
        reject,
      )
    })
      .on('error', reject)
      .end()
  })
}
