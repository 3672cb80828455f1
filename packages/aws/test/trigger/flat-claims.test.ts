import { createAuthenticator, enriched, type Identity, issuer } from '@onbehalf/core'
import { createTokenMinter, type TokenMinter } from '@onbehalf/testing'
import { beforeAll, describe, expect, it } from 'vitest'

const GATEWAY = '7gatewayclientid00example'
let minter: TokenMinter
beforeAll(async () => {
  minter = await createTokenMinter()
})

/** Reads a machine token of Cognito with these claims, as the guide says for flat ones. */
async function read(
  claims: Readonly<Record<string, unknown>>,
  client = GATEWAY,
): Promise<Identity> {
  const machines = issuer({
    iss: minter.issuer,
    audience: null,
    kind: 'by-client',
    clients: [GATEWAY, 'other'],
    tokenType: 'compatible',
    requiredClaims: { token_use: 'access' },
    keys: { jwks: minter.jwks },
  })
  const source = enriched({
    issuer: machines,
    clients: GATEWAY,
    claimMap: { subject: 'user_id', organization: 'customer_id', roles: 'role' },
    gatewayMayList: true,
  })
  const machine = { sub: client, client_id: client, token_use: 'access', version: 2 }
  const token = await minter.mint({ ...machine, ...claims }, { header: { typ: undefined } })
  const resource = 'https://mcp.example.com/mcp'
  const authenticator = createAuthenticator({ resource, sources: [source] })
  return authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })
}

const jane = { user_id: 'jane-uuid', department: 'finance', role: 'analyst' }

describe('flat claims beside a machine’s own', () => {
  it('name a person by user_id, department and role', async () => {
    expect(await read(jane)).toMatchObject({
      kind: 'user',
      subject: 'jane-uuid',
      roles: ['analyst'],
      organizations: [],
      claims: { department: 'finance' },
    })
  })

  it('name an organization by customer_id or org_id', async () => {
    const organization = { id: 'acme', roles: ['analyst'] }
    expect(await read({ ...jane, customer_id: 'acme' })).toMatchObject({ organization })
    expect(await read({ ...jane, org_id: 'acme' })).toMatchObject({ organization })
    expect(await read({ ...jane, customer_id: '', org_id: 'acme' })).toMatchObject({ organization })
  })

  it.each([{}, { user_id: '' }, { department: 'guest', role: 'viewer' }, { callerApp: '' }])(
    'name nobody without a user id: %j',
    async (claims) => {
      expect(await read(claims)).toMatchObject({ kind: 'service', subject: GATEWAY })
    },
  )

  it('mean nothing from a client that may not vouch', async () => {
    expect(await read(jane, 'other')).toMatchObject({ kind: 'service', subject: 'other' })
  })
})
