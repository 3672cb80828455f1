import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Authenticator,
  createAuthenticator,
  direct,
  type Identity,
  issuer,
} from '@onbehalf/core'
import {
  type ApiOptions,
  createDownstream,
  type Downstream,
  type DownstreamError,
  type DownstreamEvent,
  type DownstreamOptions,
  entraOnBehalfOf,
  isDownstreamError,
  tokenExchange,
} from '@onbehalf/downstream'
import { createTokenMinter, type TokenMinter } from '@onbehalf/testing'
import { json, type LoopbackServer, readBody, resource, secret, serve } from './world.ts'

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** Parameters of a token request. */
  readonly form: URLSearchParams
}

type Answer = (request: Received, res: ServerResponse) => unknown

/** A server that answers as a test says, and remembers what it got. */
export interface Scripted extends LoopbackServer {
  readonly received: Received[]
  answer: Answer
}

export async function createScripted(first: Answer): Promise<Scripted> {
  const received: Received[] = []
  const scripted = { received, answer: first }
  const server = await serve(async (req, res) => {
    const body = await readBody(req)
    const { method = '', url: path = '', headers } = req
    const request = { method, path, headers, body, form: new URLSearchParams(body) }
    received.push(request)
    await scripted.answer(request, res)
  })
  return Object.assign(scripted, server)
}

let issued = 0

/** A token endpoint's usual answer: a new token each time. */
export const issueToken: Answer = ({ form }, res) => {
  issued += 1
  json(res, 200, {
    access_token: `api-token-${issued}`,
    token_type: 'Bearer',
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    expires_in: 300,
    ...(form.get('scope') && { scope: form.get('scope') }),
  })
}

/** A token endpoint's error (RFC 6749 section 5.2). */
export function failWith(error: string, more: object = {}, status = 400): Answer {
  return (_request, res) => json(res, status, { error, ...more })
}

export const client = { id: 'mcp-server', method: 'client_secret_basic', secret } as const

export const tenantId = '11111111-2222-3333-4444-555555555555'

/** A server with users, a token endpoint and an API, all at hand. */
export interface World {
  readonly minter: TokenMinter
  readonly tokens: Scripted
  readonly api: Scripted
  readonly events: DownstreamEvent[]
  /** Seconds that the clock of the server is ahead. */
  ahead: number
  readonly authenticator: Authenticator
  create(
    api?: Partial<ApiOptions>,
    more?: Partial<DownstreamOptions<'ledger'>>,
  ): Downstream<'ledger'>
  /** Options of an API whose grant is Entra's, at the same token endpoint. */
  entra(): Pick<ApiOptions, 'grant' | 'scopes'>
  as(user: string, claims?: Readonly<Record<string, unknown>>): Promise<Identity>
  close(): Promise<void>
}

export async function createWorld(
  more: { readonly scopesSupported?: readonly string[] } = {},
): Promise<World> {
  const minter = await createTokenMinter({ alg: 'ES256' })
  const tokens = await createScripted(issueToken)
  const api = await createScripted((_request, res) => json(res, 200, { ok: true }))
  const events: DownstreamEvent[] = []
  const people = issuer({
    iss: minter.issuer,
    audience: resource,
    algorithms: ['ES256'],
    keys: { jwks: minter.jwks },
    maxLifetimeSeconds: 100_000,
    kind: ({ robot }) => (robot ? 'service' : 'user'),
    claimMap: {
      organization: ({ tenants }) => tenants,
    },
  })
  const world = { minter, tokens, api, events, ahead: 0 }
  const authenticator = createAuthenticator({
    ...more,
    resource,
    clock: () => Date.now() / 1000 + world.ahead,
    sources: [direct({ issuer: people })],
  })
  return Object.assign(world, {
    authenticator,
    create: (more: Partial<ApiOptions> = {}, options = {}) =>
      createDownstream({
        authenticator,
        onEvent: (event) => events.push(event),
        apis: {
          ledger: {
            baseUrl: `${api.url}/v1`,
            ...(more.scopes ? {} : { resource: 'https://ledger.example.com' }),
            grant: tokenExchange({
              issuer: 'https://login.example.com',
              tokenEndpoint: `${tokens.url}/token`,
              client,
            }),
            ...more,
          },
        },
        ...options,
      }),
    entra: () => ({
      scopes: ['https://ledger.example.com/Read'],
      grant: entraOnBehalfOf({ tenantId, authority: tokens.url, client }),
    }),
    as: async (user: string, claims: Readonly<Record<string, unknown>> = {}) => {
      const now = Date.now() / 1000 + world.ahead
      const times = { iat: now - 5, exp: now + 300 }
      const usual = { sub: user, aud: resource, client_id: 'web', tenants: 'acme', ...times }
      const token = await minter.mint({ ...usual, ...claims })
      return authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })
    },
    close: async () => {
      await Promise.all([tokens.close(), api.close()])
    },
  })
}

/** The error that a call ends with. */
export async function refusalOf(call: Promise<unknown>): Promise<DownstreamError> {
  try {
    await call
  } catch (thrown) {
    if (isDownstreamError(thrown)) return thrown
    throw thrown
  }
  throw new Error('nothing was refused')
}
