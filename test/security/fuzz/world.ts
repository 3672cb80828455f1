import { createPublicKey } from 'node:crypto'
import {
  type Authenticator,
  createAuthenticator,
  createRefusal,
  direct,
  enriched,
  forwarded,
  isIdentityError,
  issuer,
  plainHeaders,
  sharedSecret,
} from '@onbehalf/core'
import { type Lines, listen } from '../support/http.ts'
import { createKey, type SigningKey } from '../support/keys.ts'
import { audience, now, resource } from '../support/names.ts'
import { mint } from '../support/token.ts'
import type { Material } from './edits.ts'

export type Target = 'direct' | 'forwarded' | 'enriched' | 'plainHeaders'

/** One HTTP server with an authenticator of each kind, and what an attacker knows about it. */
export interface World {
  readonly port: number
  readonly authenticators: Readonly<Record<Target, Authenticator<unknown>>>
  /** Sound tokens by the header that carries them. */
  readonly tokens: Readonly<Record<Target, readonly string[]>>
  readonly personTokens: readonly string[]
  readonly secret: string
  readonly material: Material
  /** How often a reason refused; anything that is no refusal stands under `escaped`. */
  readonly reasons: ReadonlyMap<string, number>
  readonly escaped: readonly unknown[]
  readonly keyFetches: () => number
  /** Whether this request shows nothing but sound credentials, each in its own place. */
  isSound(target: Target, lines: Lines): boolean
  close(): void
}

const [issuerA, issuerB, machines] = [
  'https://idp.example',
  'https://other-idp.example',
  'https://gateway.example',
]
const secret = 'an-operator-secret-of-some-length-0123456789'

export async function createWorld(): Promise<World> {
  const keys = {
    a: [createKey('RS256', 'r1'), createKey('ES256', 'e1'), createKey('EdDSA', 'd1')],
    // The same ids as issuer A: what they name depends on who says so.
    b: [createKey('ES256', 'e1'), createKey('RS256', 'r1')],
    machines: [createKey('ES256', 'e1')],
  }
  const published = await listenForKeys(keys.b)
  const authenticators = createAuthenticators(keys, published.url)
  const tokens = createTokens(keys)
  const reasons = new Map<string, number>()
  const escaped: unknown[] = []
  const server = await listen((req, res) => {
    const target = req.url?.split(/[/?]/)[1] as Target
    const authenticator = authenticators[target]
    void authenticator.authenticate(req).then(
      ({ subject }) => res.end(`handled ${subject}`),
      (error: unknown) => {
        note(error)
        const { status, headers, body } = createRefusal(error, authenticator)
        res.statusCode = status
        for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
        res.end(body)
      },
    )
  })

  function note(error: unknown): void {
    if (!isIdentityError(error) || error.reason === 'internal_error') escaped.push(error)
    else reasons.set(error.reason, (reasons.get(error.reason) ?? 0) + 1)
  }

  return {
    port: server.port,
    authenticators,
    tokens,
    personTokens: tokens.persons,
    secret,
    material: createMaterial(keys, tokens),
    reasons,
    escaped,
    keyFetches: published.fetches,
    isSound: (target, lines) => isSound(target, lines, tokens),
    close: () => {
      server.close()
      published.close()
    },
  }
}

type Keys = Readonly<Record<'a' | 'b' | 'machines', readonly SigningKey[]>>
type Tokens = Record<Target | 'persons', readonly string[]>

async function listenForKeys(keys: readonly SigningKey[]) {
  let fetches = 0
  const { port, close } = await listen((_req, res) => {
    fetches += 1
    res.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }))
  })
  return { url: `http://127.0.0.1:${port}/jwks`, fetches: () => fetches, close }
}

function createAuthenticators(keys: Keys, url: string): World['authenticators'] {
  const algorithms = ['RS256', 'ES256', 'EdDSA'] as const
  const jwks = (list: readonly SigningKey[]) => ({ jwks: { keys: list.map(({ jwk }) => jwk) } })
  const a = issuer({
    iss: issuerA as string,
    audience,
    kind: 'by-client',
    algorithms,
    keys: jwks(keys.a),
  })
  const b = issuer({
    iss: issuerB as string,
    audience,
    kind: 'by-client',
    algorithms,
    tokenType: 'compatible',
    keys: { jwksUri: url },
  })
  const via = issuer({
    iss: machines as string,
    audience,
    kind: 'by-client',
    algorithms,
    clients: 'gateway-a',
    keys: jwks(keys.machines),
  })
  const proof = sharedSecret({ header: 'x-gateway-secret', secret })
  const headers = { subject: 'x-user', organization: 'x-org' }
  const clock = (): number => now
  return {
    direct: createAuthenticator({
      resource,
      clock,
      sources: [direct({ issuer: a }), direct({ issuer: b })],
    }),
    forwarded: createAuthenticator({
      resource,
      clock,
      sources: [
        forwarded({ header: 'x-user-token', issuer: a, gateway: via, bind: ['client', 'actor'] }),
      ],
    }),
    enriched: createAuthenticator({
      resource,
      clock,
      sources: [enriched({ issuer: via, userClaim: 'onBehalfOf' })],
    }),
    plainHeaders: createAuthenticator({
      resource,
      clock,
      sources: [plainHeaders({ headers, iss: machines as string, proof })],
    }),
  }
}

function createTokens(keys: Keys): Tokens {
  const act = { sub: 'gateway-a', iss: machines }
  const person = { iss: issuerA, client_id: 'gateway-a', act }
  const machine = { iss: machines, sub: 'gateway-a', client_id: 'gateway-a' }
  const onBehalfOf = { sub: 'ada', org_id: 'acme' }
  return {
    direct: [
      ...keys.a.map((key) => mint(key, { claims: { iss: issuerA } })),
      ...keys.b.map((key) => mint(key, { claims: { iss: issuerB } })),
    ],
    persons: keys.a.map((key) => mint(key, { claims: person })),
    forwarded: keys.machines.map((key) => mint(key, { claims: machine })),
    enriched: keys.machines.map((key) => mint(key, { claims: { ...machine, onBehalfOf } })),
    plainHeaders: [],
  }
}

function createMaterial(keys: Keys, tokens: Tokens): Material {
  const all = [...keys.a, ...keys.b, ...keys.machines]
  return {
    tokens: Object.values(tokens).flat(),
    strangers: [createKey('ES256', 'e1'), createKey('EdDSA', 'd1'), createKey('ES256', 'r1')],
    publicKeys: all.map(({ privateKey }) =>
      createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString(),
    ),
  }
}

/** Decides by comparing texts alone: nothing of the library takes part. */
function isSound(target: Target, lines: Lines, tokens: Tokens): boolean {
  const values = (name: string): readonly string[] =>
    lines.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value.trim())
  const isOneOf = (name: string, known: readonly string[], scheme: RegExp): boolean => {
    const [value, ...more] = values(name)
    return value !== undefined && more.length === 0 && known.includes(value.replace(scheme, ''))
  }
  if (target === 'plainHeaders') return isOneOf('x-gateway-secret', [secret], /^/)
  const own = isOneOf('authorization', soundFor(target, tokens), /^bearer +/i)
  const person = isOneOf('x-user-token', tokens.persons, /^(bearer +)?/i)
  return own && (target !== 'forwarded' || person)
}

/** A person's token is one for us too, and the gateway's may hold a person it need not show. */
function soundFor(target: Target, tokens: Tokens): readonly string[] {
  if (target === 'direct') return [...tokens.direct, ...tokens.persons]
  return target === 'forwarded' ? [...tokens.forwarded, ...tokens.enriched] : tokens[target]
}
