import { inspect } from 'node:util'
import {
  type Authenticator,
  type AuthenticatorEvent,
  type CredentialRequest,
  createAuthenticator,
  createRefusal,
  direct,
  enriched,
  type IssuerOptions,
  introspected,
  issuer,
  type Source,
} from '@onbehalf/core'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  assertion,
  gatewayIssuer,
  machineToken,
  personToken,
  plainHeaderNames,
  startForwarded,
  startPlainHeaders,
} from './support/gateway.ts'
import { listen } from './support/http.ts'
import { startKeyServer } from './support/key-server.ts'
import { createKey, signWith } from './support/keys.ts'
import { audience, issuerName, now, resource } from './support/names.ts'
import { type Changes, type MintChanges, mint, segmentsOf } from './support/token.ts'

const key = createKey('ES256')
const stranger = createKey('ES256')

/** Secrets that are easy to find again. */
const canary = {
  email: 'canary-person@victim.example',
  subject: 'canary-subject-7f3a',
  claim: 'canary-claim-91bc',
  clientSecret: 'canary-client-secret-c0ffee',
  sharedSecret: 'canary-shared-secret-0123456789abcdef',
  opaque: 'canary-opaque-token-5d1e',
}

let written: string[] = []

beforeEach(() => {
  written = []
  const keep = (...text: unknown[]): boolean => {
    written.push(inspect(text, everything))
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(keep)
  vi.spyOn(process.stderr, 'write').mockImplementation(keep)
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) {
    vi.spyOn(console, name).mockImplementation(keep)
  }
  process.on('warning', keep)
  onTestFinished(() => void process.off('warning', keep))
})

afterEach(() => {
  vi.restoreAllMocks()
})

const everything = { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null }

const claims: Changes = {
  sub: canary.subject,
  email: canary.email,
  email_verified: true,
  secret: canary.claim,
}

interface Case {
  readonly verdict: string
  readonly reason: string
  readonly changes?: MintChanges
  readonly options?: Partial<IssuerOptions<unknown>>
}

const schemaOf = (validate: (value: unknown) => never) =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as const
const quote = (value: unknown): never => {
  throw new Error(`cannot read ${JSON.stringify(value)}`)
}
const issue = (value: unknown) => ({ issues: [{ message: JSON.stringify(value), value }] }) as never

const verdicts: readonly Case[] = [
  { verdict: 'accepted', reason: 'accepted' },
  { verdict: 'expired', reason: 'expired', changes: { claims: { exp: now - 3600, iat: 1 } } },
  { verdict: 'not yet valid', reason: 'not_yet_valid', changes: { claims: { nbf: now + 3600 } } },
  { verdict: 'another audience', reason: 'audience', changes: { claims: { aud: canary.claim } } },
  {
    verdict: 'another issuer',
    reason: 'issuer_unknown',
    changes: { claims: { iss: canary.claim } },
  },
  { verdict: 'unknown key', reason: 'key_unknown', changes: { header: { kid: canary.claim } } },
  { verdict: 'bad signature', reason: 'signature', changes: { sign: signWith(stranger) } },
  {
    verdict: 'bad header',
    reason: 'malformed_header_member',
    changes: { header: { jku: canary.claim } },
  },
  { verdict: 'another kind', reason: 'token_type', changes: { claims: { nonce: canary.claim } } },
  {
    verdict: 'bound to a key',
    reason: 'sender_constrained',
    changes: { claims: { cnf: { jkt: canary.claim } } },
  },
  { verdict: 'no subject', reason: 'subject', changes: { claims: { sub: [canary.subject] } } },
  { verdict: 'another client', reason: 'client', options: { clients: 'nobody' } },
  { verdict: 'missing scope', reason: 'scope_missing', options: { scopes: 'admin' } },
  {
    verdict: 'refused by the schema',
    reason: 'claims_schema',
    options: { schema: schemaOf(issue) },
  },
  {
    verdict: 'schema that throws',
    reason: 'claims_schema_failed',
    options: { schema: schemaOf(quote) },
  },
  {
    verdict: 'reader that throws',
    reason: 'claim_reader_failed',
    options: { claimMap: { roles: quote } },
  },
  {
    verdict: 'kind that throws',
    reason: 'claim_reader_failed',
    options: { kind: quote },
  },
  {
    verdict: 'reader of scopes that throws',
    reason: 'claim_reader_failed',
    options: { claimMap: { scopes: quote } },
  },
]

describe('G3 secrets of a token', () => {
  it.each(verdicts)('G3 leaves no trace of a token in any output: $verdict', async (row) => {
    const token = mint(key, { ...row.changes, claims: { ...claims, ...row.changes?.claims } })
    const trusted = issuer({
      iss: issuerName,
      audience,
      kind: 'by-client',
      algorithms: ['ES256'],
      keys: { jwks: { keys: [key.jwk] } },
      ...row.options,
    })
    const seen = await observe([direct({ issuer: trusted })], bearerOf(token))
    expect(seen.reason).toBe(row.reason)
    expectNoTrace(seen.output, segmentsOf(token))
  })

  it.each(['a.b', 'canary-malformed.token-1.x', `${mint(key, { claims })}.AAAA`])(
    'G3 leaves no trace of what is not a token: %s',
    async (token) => {
      const trusted = issuer({
        iss: issuerName,
        audience,
        kind: 'by-client',
        keys: { jwks: { keys: [key.jwk] } },
      })
      const seen = await observe([direct({ issuer: trusted })], bearerOf(token))
      expectNoTrace(
        seen.output,
        token.split('.').filter((part) => part.length > 4),
      )
    },
  )

  it('G3 leaves no trace of a token when the keys cannot be had', async () => {
    const keys = await startKeyServer()
    keys.fail(500)
    const options = {
      iss: issuerName,
      audience,
      kind: 'by-client' as const,
      algorithms: ['ES256'],
    } as const
    const trusted = issuer({ ...options, keys: { jwksUri: keys.url } })
    const token = mint(key, { claims })
    const seen = await observe([direct({ issuer: trusted })], bearerOf(token))
    expect(seen.reason).toBe('keys_unavailable')
    expectNoTrace(seen.output, segmentsOf(token))
  })

  it('G3 leaves no trace of a user inside a machine token', async () => {
    const source = enriched({ issuer: gatewayIssuer(), userClaim: 'onBehalfOf' })
    for (const onBehalfOf of [{ ...claims, sub: [canary.subject] }, canary.email, [claims]]) {
      const token = machineToken({ onBehalfOf })
      const seen = await observe([source], bearerOf(token))
      expect(seen.reason).toBe('enriched_claim')
      expectNoTrace(seen.output, segmentsOf(token))
    }
  })

  it('G3 leaves no trace of either of two tokens', async () => {
    const server = await startForwarded()
    const person = personToken({ ...claims, client_id: 'gateway-b' })
    const machine = machineToken({ jti: canary.claim })
    await server.send([
      ['authorization', `Bearer ${machine}`],
      ['x-user-token', person],
    ])
    expect(server.events.at(-1)).toMatchObject({ reason: 'binding_client' })
    const output = inspect([server.events, server.thrown, server.authenticator], everything)
    expectNoTrace(output, [...segmentsOf(person), ...segmentsOf(machine)])
  })
})

describe('G3 secrets of the operator', () => {
  const answers: readonly (readonly [string, number, string])[] = [
    ['inactive', 200, '{"active":false}'],
    ['active for another party', 200, `{"active":true,"aud":"x","sub":"${canary.subject}"}`],
    ['malformed', 200, `{"active":"${canary.claim}"`],
    ['an error that echoes', 500, `${canary.opaque} ${canary.clientSecret}`],
    ['unauthorized', 401, canary.clientSecret],
    ['a redirect', 302, ''],
  ]

  it.each(answers)(
    'G3 leaves no trace of an opaque token or the client secret: %s',
    async (...row) => {
      const [, status, body] = row
      const { port, close } = await listen((_req, res) => {
        res.writeHead(status, { location: `https://x.example/${canary.opaque}` }).end(body)
      })
      onTestFinished(close)
      const seen = await observe(
        [opaqueSource(`http://127.0.0.1:${port}/`)],
        bearerOf(canary.opaque),
      )
      expect(seen.reason).not.toBe('accepted')
      expectNoTrace(seen.output, [Buffer.from(canary.clientSecret).toString('base64').slice(0, 16)])
    },
  )

  it('G3 leaves no trace of an opaque token when nobody answers', async () => {
    const { port, close } = await listen(() => {})
    close()
    const seen = await observe([opaqueSource(`http://127.0.0.1:${port}/`)], bearerOf(canary.opaque))
    expect(seen.reason).toBe('introspection_unreachable')
    expectNoTrace(seen.output, [])
  })

  it('G3 leaves no trace of a shared secret, right or wrong', async () => {
    const server = await startPlainHeaders()
    for (const secret of [canary.sharedSecret, `${canary.sharedSecret}, x`]) {
      await server.send(assertion(secret))
    }
    await server.send([
      ...assertion(canary.sharedSecret),
      ['x-gateway-secret', canary.clientSecret],
    ])
    expectNoTrace(
      inspect([server.events, server.thrown], everything),
      Object.values(plainHeaderNames),
    )
  })

  it('G3 leaves no trace of a private key that was published by mistake', async () => {
    const secretJwk = { ...key.privateKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' }
    const keys = await startKeyServer([secretJwk, createKey('ES256', 'other').jwk])
    const options = {
      iss: issuerName,
      audience,
      kind: 'by-client' as const,
      algorithms: ['ES256'],
    } as const
    const trusted = issuer({ ...options, keys: { jwksUri: keys.url } })
    const seen = await observe([direct({ issuer: trusted })], bearerOf(mint(key, { claims })))
    expect(seen.reason).toBe('key_unknown')
    expectNoTrace(seen.output, [String(secretJwk.d)])
  })

  function opaqueSource(endpoint: string): Source<unknown> {
    const { clientSecret } = canary
    const options = {
      iss: issuerName,
      audience,
      kind: 'by-client' as const,
      endpoint,
      clientId: 'me',
      clientSecret,
    }
    return direct({ issuer: introspected(options) })
  }
})

function bearerOf(token: string): CredentialRequest {
  return { headers: { authorization: `Bearer ${token}` }, url: '/mcp', method: 'POST' }
}

/** Everything that an operator could log or a caller could read, as text. */
async function observe(sources: readonly Source<unknown>[], request: CredentialRequest) {
  const events: AuthenticatorEvent[] = []
  const onEvent = (event: AuthenticatorEvent): void => void events.push(event)
  const authenticator: Authenticator<unknown> = createAuthenticator({
    resource,
    sources,
    clock: () => now,
    onEvent,
  })
  const thrown: unknown = await authenticator.authenticate(request).then(
    () => undefined,
    (error: unknown) => error,
  )
  await authenticator.ready().catch((error: unknown) => events.push(error as never))
  const refusal = thrown === undefined ? undefined : createRefusal(thrown, authenticator)
  const last = events.findLast(({ type }) => type === 'accepted' || type === 'refused')
  const reason = last?.type === 'refused' ? last.reason : last?.type
  const parts = [events, thrown, refusal, authenticator, sources]
  const output = [
    ...parts.map((part) => inspect(part, everything)),
    ...parts.map((part) => String(JSON.stringify(part))),
    ...chainOf(thrown).map((error) => `${String(error)} ${String((error as Error).stack)}`),
  ].join('\n')
  return { reason, output }
}

function chainOf(error: unknown): readonly unknown[] {
  return error instanceof Error ? [error, ...chainOf(error.cause)] : []
}

function expectNoTrace(output: string, more: readonly string[]): void {
  const places = [output, ...written].join('\n')
  for (const secret of [...Object.values(canary), ...more]) expect(places).not.toContain(secret)
}
