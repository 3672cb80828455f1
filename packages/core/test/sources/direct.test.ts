import { createAuthenticator, direct } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import {
  bearer,
  canary,
  clock,
  createPeople,
  now,
  type Party,
  peopleIssuer,
  personClaims,
  resource,
} from '../support/world.ts'

let people: Party
beforeAll(async () => {
  people = await createPeople()
})

describe('direct', () => {
  it('gives the identity of the caller whose token it is', async () => {
    const authenticator = createAuthenticator({
      resource,
      clock,
      sources: [direct({ issuer: people.issuer() })],
    })
    const act = { sub: 'agent' }
    const token = await people.token({ org_id: 'acme', roles: ['admin'], act })
    const organization = { id: 'acme', roles: ['admin'] }
    expect({ ...(await authenticator.authenticate(bearer(token))) }).toEqual({
      kind: 'user',
      issuer: peopleIssuer,
      subject: 'jane',
      principal: `["${peopleIssuer}","jane"]`,
      organization,
      organizations: [organization],
      actor: { subject: 'agent' },
      client: 'web-client',
      scopes: ['notes:read', 'notes:write'],
      roles: ['admin'],
      source: 'direct',
      expiresAt: now + 300,
      tokenId: 'person-token-1',
      claims: personClaims({ org_id: 'acme', roles: ['admin'], act }),
    })
  })

  it('gives a service for the token of a machine', async () => {
    const sources = [direct({ issuer: people.issuer() })]
    const authenticator = createAuthenticator({ resource, clock, sources })
    const token = await people.token({ sub: 'web-client' })
    expect(await authenticator.authenticate(bearer(token))).toMatchObject({
      kind: 'service',
      subject: 'web-client',
    })
  })

  it('does not carry the token', async () => {
    const sources = [direct({ issuer: people.issuer() })]
    const authenticator = createAuthenticator({ resource, clock, sources })
    const token = await people.token()
    const shown = JSON.stringify(await authenticator.authenticate(bearer(token)))
    for (const segment of token.split('.')) expect(shown).not.toContain(segment)
  })

  it('refuses a token of an issuer that it does not know', async () => {
    const sources = [direct({ issuer: people.issuer() })]
    const authenticator = createAuthenticator({ resource, clock, sources })
    for (const iss of [
      'https://other.example',
      `${peopleIssuer}/`,
      '',
      undefined,
      7,
      [peopleIssuer],
    ]) {
      const token = await people.token({ iss })
      await expectRefused(
        () => authenticator.authenticate(bearer(token)),
        { code: 'TOK', reason: 'issuer_unknown' },
        token,
        canary,
      )
    }
  })
})
