import type { ServerOptions } from 'node:http'
import {
  type Authenticator,
  type AuthenticatorEvent,
  type Confirmation,
  createAuthenticator,
  direct,
  type Identity,
  type IssuerOptions,
  issuer,
  type Source,
  type Store,
} from '@onbehalf/core'
import { onTestFinished } from 'vitest'
import { type Mount, onNode } from './frameworks.ts'
import { type Answer, type Lines, listen, type RequestParts, sendLines } from './http.ts'
import type { SigningKey } from './keys.ts'
import { audience, issuerName, now, resource } from './names.ts'
import { mint } from './token.ts'

/** A protected resource, and everything that can be seen from outside and inside. */
export interface ProtectedServer {
  readonly authenticator: Authenticator<unknown>
  readonly port: number
  /** The identity of every call that reached the handler. */
  readonly handled: readonly Identity<unknown>[]
  readonly events: readonly AuthenticatorEvent[]
  /** Everything that `authenticate` threw. */
  readonly thrown: readonly unknown[]
  send(lines: Lines, target?: string, parts?: RequestParts): Promise<Answer>
  /** A call that this server accepts, to show that a refusal was not for another cause. */
  readonly good: Lines | undefined
}

export interface ServerSetup {
  readonly sources: readonly Source<unknown>[]
  readonly good?: Lines
  readonly clock?: () => number
  readonly onEvent?: (event: AuthenticatorEvent) => void
  readonly revocations?: Store
  readonly confirmations?: readonly Confirmation[]
  readonly http?: ServerOptions
  /** What the server is built with. Default: `node:http` alone. */
  readonly mount?: Mount
}

export async function startServer(setup: ServerSetup): Promise<ProtectedServer> {
  const events: AuthenticatorEvent[] = []
  const handled: Identity<unknown>[] = []
  const thrown: unknown[] = []
  const { sources, clock = () => now, onEvent, revocations, confirmations = [] } = setup
  const authenticator = createAuthenticator({
    resource,
    sources,
    clock,
    confirmations,
    ...(revocations && { revocations }),
    onEvent: (event) => {
      events.push(event)
      return onEvent?.(event)
    },
  })
  const { mount = onNode } = setup
  const app = mount(
    authenticator,
    (identity) => void handled.push(identity),
    (error) => void thrown.push(error),
  )
  const { port, close } = await listen(app, setup.http)
  onTestFinished(close)
  const send: ProtectedServer['send'] = (...request) => sendLines(port, ...request)
  return { authenticator, port, handled, events, thrown, send, good: setup.good }
}

/** One issuer with this key; the token in `Authorization` is the caller's own. */
export async function startDirect(
  key: SigningKey,
  options: Partial<IssuerOptions<unknown>> = {},
  setup: Omit<ServerSetup, 'sources'> = {},
): Promise<ProtectedServer> {
  const trusted = issuer({
    iss: issuerName,
    audience,
    kind: 'by-client',
    algorithms: [key.algorithm],
    keys: { jwks: { keys: [key.jwk] } },
    ...options,
  })
  const good = bearer(mint(key))
  return startServer({ good, ...setup, sources: [direct({ issuer: trusted })] })
}

export function bearer(token: string): Lines {
  return [['authorization', `Bearer ${token}`]]
}
