import {
  type Authenticator,
  type Claims,
  createAuthenticator,
  type EnrichedOptions,
  enriched,
  type Identity,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { expectRefused } from '../support/expect-refused.ts'
import { createSigner } from '../support/signer.ts'
import {
  bearer,
  canary,
  clock,
  createGateway,
  gatewayClient,
  gatewayIssuer,
  machineClaims,
  now,
  type Party,
  resource,
} from '../support/world.ts'

let gateway: Party
beforeAll(async () => {
  gateway = await createGateway()
})

const jane = { sub: 'jane-uuid', username: 'jane', groups: ['support'] }

function withOptions(options: Partial<EnrichedOptions<unknown>> = {}): Authenticator<unknown> {
  const source = enriched<unknown>({
    issuer: gateway.issuer(),
    userClaim: 'onBehalfOf',
    ...options,
  })
  return createAuthenticator({ resource, clock, sources: [source] })
}

async function read(
  claims: Claims,
  options?: Partial<EnrichedOptions<unknown>>,
): Promise<Identity<unknown>> {
  return withOptions(options).authenticate(bearer(await gateway.token(claims)))
}

async function expectReason(
  refused: Parameters<typeof expectRefused>[1],
  claims: Claims,
  options?: Partial<EnrichedOptions<unknown>>,
): Promise<void> {
  const token = await gateway.token(claims)
  const authenticator = withOptions(options)
  await expectRefused(() => authenticator.authenticate(bearer(token)), refused, token, canary)
}

const unfit = { code: 'TOK', reason: 'enriched_claim' } as const
const missing = { code: 'MISSING', reason: 'obo_missing' } as const

describe('enriched', () => {
  it('gives the identity of the person inside the machine token', async () => {
    const organization = { id: 'acme', roles: ['support'] }
    expect({ ...(await read({ onBehalfOf: jane, org_id: 'acme' })) }).toEqual({
      kind: 'user',
      issuer: gatewayIssuer,
      subject: 'jane-uuid',
      principal: `["${gatewayIssuer}","jane-uuid"]`,
      organization,
      organizations: [organization],
      client: gatewayClient,
      gateway: { issuer: gatewayIssuer, client: gatewayClient },
      scopes: ['mcp:invoke'],
      roles: ['support'],
      source: 'enriched',
      expiresAt: now + 600,
      tokenId: 'machine-token-1',
      claims: jane,
    })
  })

  it('reads the same person out of JSON text', async () => {
    expect(await read({ onBehalfOf: JSON.stringify(jane), org_id: 'acme' })).toEqual(
      await read({ onBehalfOf: jane, org_id: 'acme' }),
    )
  })

  it('finds the person along a path, and under a name that is never split', async () => {
    const nested = { 'https://acme.example': { 'on.behalf': jane } }
    const claim = ['https://acme.example', 'on.behalf']
    expect(await read(nested, { userClaim: claim })).toMatchObject({ subject: 'jane-uuid' })
    expect(await read({ 'a.b': jane }, { userClaim: 'a.b' })).toMatchObject({
      subject: 'jane-uuid',
    })
  })

  it('names the issuer of the person where the claim does', async () => {
    const iss = 'https://people.example.com'
    expect(await read({ onBehalfOf: { ...jane, iss } })).toMatchObject({
      issuer: iss,
      principal: `["${iss}","jane-uuid"]`,
    })
    expect(await read({ onBehalfOf: { ...jane, issuer: iss } })).toMatchObject({ issuer: iss })
  })

  it('names who acts for the person', async () => {
    const act = { sub: 'agent', act: { sub: 'portal' } }
    expect(await read({ onBehalfOf: { ...jane, act } })).toMatchObject({
      actor: { subject: 'agent', actor: { subject: 'portal' } },
    })
    await expectReason({ code: 'TOK', reason: 'bad_act' }, { onBehalfOf: { ...jane, act: [] } })
  })

  it.each([gatewayClient, 'gateway-account'])(
    'does not take the machine for a person, also where the claim does: %s',
    async (sub) => {
      const identity = await read(
        { sub: 'gateway-account', onBehalfOf: { sub } },
        { issuer: gateway.issuer({ kind: 'service' }) },
      )
      expect(identity.kind).toBe('service')
    },
  )

  it('shows an e-mail address only when it was verified', async () => {
    const email = 'jane@acme.example'
    expect((await read({ onBehalfOf: { ...jane, email } })).claims).toEqual(jane)
    expect((await read({ onBehalfOf: { ...jane, email, email_verified: true } })).claims).toEqual({
      ...jane,
      email,
      email_verified: true,
    })
  })
})

describe('no person in the machine token', () => {
  const none = [undefined, null, '', {}, '{}', ' { } ']

  it.each(none)('is refused: %j', (onBehalfOf) => expectReason(missing, { onBehalfOf }))

  it.each(none)('is a service where that is allowed: %j', async (onBehalfOf) => {
    const identity = await read({ onBehalfOf, email: 'ops@acme.example' }, { gatewayMayList: true })
    expect(identity).toMatchObject({
      kind: 'service',
      subject: gatewayClient,
      gateway: { issuer: gatewayIssuer, client: gatewayClient },
      source: 'enriched',
    })
    expect(identity.claims).not.toHaveProperty('email')
  })
})

describe('a person that is not understood', () => {
  const long = JSON.stringify({ ...jane, note: '' })
  const unreadable: readonly unknown[] = [
    7,
    true,
    false,
    [],
    [jane],
    'jane-uuid',
    'sub=jane-uuid&username=jane',
    encodeURIComponent(JSON.stringify(jane)),
    'jane-uuid,jane,support',
    'null',
    '[]',
    `[${JSON.stringify(jane)}]`,
    JSON.stringify(JSON.stringify(jane)),
    `${JSON.stringify(jane)}x`,
    '{"sub":"jane-uuid","sub":"root"}',
    `\uFEFF${JSON.stringify(jane)}`,
    `{"sub":"jane-uuid","x":${'['.repeat(40)}${']'.repeat(40)}}`,
    long.replace('"note":""', `"note":"${'x'.repeat(4097 - long.length)}"`),
    { username: 'jane' },
    { sub: '' },
    { sub: null, username: 'jane' },
    { sub: 7 },
    { sub: ['jane'] },
    { sub: { sub: 'jane' } },
    { onBehalfOf: jane },
    { ...jane, iss: 7 },
    { ...jane, roles: 7 },
    { ...jane, roles: { admin: true } },
    { ...jane, roles: ['admin', 7] },
    { ...jane, organization: 7 },
    { ...jane, organization: { organization_id: 'acme' } },
  ]

  it.each(unreadable)('is refused: %j', async (onBehalfOf) => {
    await expectReason(unfit, { onBehalfOf, org_id: 'acme' })
    await expectReason(unfit, { onBehalfOf, org_id: 'acme' }, { gatewayMayList: true })
  })

  it('may be 4096 characters of text', async () => {
    const text = long.replace('"note":""', `"note":"${'x'.repeat(4096 - long.length)}"`)
    expect(text).toHaveLength(4096)
    expect(await read({ onBehalfOf: text })).toMatchObject({ subject: 'jane-uuid' })
  })
})

describe('the machine token', () => {
  it.each([
    ['TOK', 'client', { client_id: 'other', sub: 'other' }],
    ['TOK', 'expired', { exp: now - 60 }],
    ['TOK', 'audience', { aud: 'https://other.example' }],
    ['TOK', 'token_type', { token_use: 'id' }],
    ['TOK', 'issuer_unknown', { iss: 'https://other.example' }],
    ['BIND', 'binding_roles_swapped', { sub: 'joe' }],
  ] as const)('has to be verified (%s %s): %j', (code, reason, claims) =>
    expectReason({ code, reason }, { onBehalfOf: jane, ...claims }),
  )

  it('has to be signed by its issuer', async () => {
    const forged = await (await createSigner('gateway-key')).sign(
      machineClaims({ onBehalfOf: jane }),
    )
    await expectRefused(
      () => withOptions().authenticate(bearer(forged)),
      { code: 'TOK', reason: 'signature' },
      forged,
    )
  })

  it('identifies only its client if that may not vouch, whatever it says', async () => {
    const issuer = gateway.issuer({ clients: [gatewayClient, 'reporting'] })
    const reporting = { sub: 'reporting', client_id: 'reporting', onBehalfOf: jane }
    for (const onBehalfOf of [jane, JSON.stringify(jane), 7, {}, undefined]) {
      const claims = { ...reporting, onBehalfOf }
      expect(await read(claims, { issuer, clients: gatewayClient })).toMatchObject({
        kind: 'service',
        subject: 'reporting',
        client: 'reporting',
      })
    }
    expect(await read(reporting, { issuer })).toMatchObject({ subject: 'jane-uuid' })
  })
})

describe('a schema for the person', () => {
  const claims = z.object({ sub: z.string(), tier: z.enum(['gold', 'silver']) })

  it('makes the claims of the identity', async () => {
    const identity = await read({ onBehalfOf: { ...jane, tier: 'gold' } }, { schema: claims })
    expect(identity.claims).toEqual({ sub: 'jane-uuid', tier: 'gold' })
    expect(Object.isFrozen(identity.claims)).toBe(true)
  })

  it.each([{ tier: 'bronze' }, { tier: undefined }, { tier: ['gold'] }])(
    'refuses what does not match: %j',
    (change) =>
      expectReason(
        { code: 'TOK', reason: 'claims_schema' },
        { onBehalfOf: { ...jane, ...change } },
        { schema: claims },
      ),
  )

  it('does not apply to the machine alone', async () => {
    expect(await read({}, { schema: claims, gatewayMayList: true })).toMatchObject({
      kind: 'service',
    })
  })
})
