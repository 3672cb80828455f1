import {
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  introspected,
  type Source,
  signedHeader,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import {
  createGateway,
  createPeople,
  gatewayIssuer,
  peopleIssuer,
  resource,
} from '../support/world.ts'

const people = await createPeople()
const gateway = await createGateway()
const shared = people.issuer()

const opaque = () =>
  introspected({
    iss: peopleIssuer,
    endpoint: 'https://people.example.com/introspect',
    clientId: 'mcp',
    clientSecret: 'secret',
    audience: resource,
    kind: 'by-client',
  })
const inHeader = (header: string) => signedHeader({ header, issuer: people.issuer() })
const behind = (header: string) =>
  forwarded({ header, issuer: people.issuer(), gateway: gateway.issuer(), bind: 'audience' })

describe('two issuers of one name', () => {
  const name = `the name "${peopleIssuer}" in authorization; give both sources the same issuer`
  it.each<readonly [string, readonly Source[], string]>([
    [
      'beside each other',
      [direct({ issuer: people.issuer() }), direct({ issuer: people.issuer({ audience: 'b' }) })],
      name,
    ],
    [
      'where one has further names',
      [
        direct({ issuer: people.issuer({ iss: ['https://a.example.com', peopleIssuer] }) }),
        direct({ issuer: people.issuer() }),
      ],
      name,
    ],
    [
      'in sources of two kinds',
      [
        enriched({ issuer: gateway.issuer(), userClaim: 'onBehalfOf' }),
        direct({ issuer: gateway.issuer() }),
      ],
      `the name "${gatewayIssuer}" in authorization; give both sources the same issuer`,
    ],
    [
      'in one assertion',
      [inHeader('x-assertion'), inHeader('X-Assertion')],
      `the name "${peopleIssuer}" in x-assertion; give both sources the same issuer`,
    ],
    [
      'of opaque tokens',
      [direct({ issuer: opaque() }), direct({ issuer: opaque() })],
      'opaque tokens in authorization; the second would never be asked',
    ],
  ])('are refused %s', (_, sources, message) => {
    expect(() => createAuthenticator({ resource, sources })).toThrow(
      new TypeError(`sources: two issuers of ${message}`),
    )
  })

  it.each<readonly [string, readonly Source[]]>([
    [
      'are one object',
      [direct({ issuer: shared }), signedHeader({ header: 'x-assertion', issuer: shared })],
    ],
    ['are in different headers', [inHeader('x-assertion'), direct({ issuer: people.issuer() })]],
    [
      'read tokens of different forms',
      [direct({ issuer: people.issuer() }), direct({ issuer: opaque() })],
    ],
    [
      'are of a user and of a gateway',
      [
        forwarded({
          header: 'x-user-token',
          issuer: gateway.issuer({ audience: 'https://gateway.example.com' }),
          gateway: gateway.issuer(),
          bind: 'client',
        }),
      ],
    ],
    [
      'need another header beside it',
      [behind('x-user-token'), direct({ issuer: people.issuer() })],
    ],
  ])('are accepted where they %s', (_, sources) => {
    expect(() => createAuthenticator({ resource, sources })).not.toThrow()
  })
})
