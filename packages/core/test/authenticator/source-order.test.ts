import { createAuthenticator, direct, forwarded, issuer, type Source } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import {
  bearer,
  clock,
  createGateway,
  createPeople,
  peopleIssuer,
  resource,
} from '../support/world.ts'

const people = await createPeople()
const gateway = await createGateway()
const shared = people.issuer()

const own = (): Source => {
  const usual = direct({ issuer: shared })
  return { ...usual, kind: 'own', applies: ({ present }) => present.has('authorization') }
}
const isAsked = async (...sources: Source[]): Promise<string> => {
  const authenticator = createAuthenticator({ resource, clock, sources })
  const { source } = await authenticator.authenticate(bearer(await people.token()))
  return source
}
/** Says in the identity's place which source was asked. */
const named = (name: string, source: Source): Source => ({
  ...source,
  async identify(credentials, context) {
    return { ...(await source.identify(credentials, context)), source: name } as never
  },
})
const tenants = (count: number) =>
  Array.from({ length: count }, (_, at) =>
    direct({
      issuer: issuer({
        iss: `https://tenant-${at}.example.com`,
        audience: resource,
        kind: 'by-client',
        keys: { jwks: people.signer.jwks },
      }),
    }),
  )

describe('the source that decides', () => {
  const mine = direct({ issuer: shared })
  it.each<readonly [string, readonly Source[], string]>([
    ['a built-in one before your own', [mine, named('own', own())], 'direct'],
    ['your own before a built-in one', [named('own', own()), mine], 'own'],
    ['a built-in one behind many others', [...tenants(50), mine], 'direct'],
    ['your own between many others', [...tenants(5), named('own', own()), mine], 'own'],
    ['a copy of a built-in one before it', [named('copy', mine), mine], 'copy'],
    [
      'a built-in one behind one that wants a second header',
      [
        forwarded({
          header: 'x-user-token',
          issuer: shared,
          gateway: gateway.issuer(),
          bind: 'audience',
        }),
        mine,
      ],
      'direct',
    ],
  ])('is the first that applies: %s', async (_, sources, expected) => {
    expect(await isAsked(...sources)).toBe(expected)
  })

  it('is none for an issuer that is not configured, and the operator learns which are', async () => {
    const sources = tenants(3)
    const authenticator = createAuthenticator({ resource, clock, sources })
    const token = await people.token({ iss: peopleIssuer })
    await expectRefused(
      () => authenticator.authenticate(bearer(token)),
      { code: 'TOK', reason: 'issuer_unknown' },
      token,
    )
  })
})
