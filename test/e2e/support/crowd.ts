import { type Authenticator, createAuthenticator, forwarded, issuer } from '@onbehalf/core'
import { createTokenMinter } from '@onbehalf/testing'
import type { Headers } from './clients.ts'

/** Somebody who calls through a gateway. */
export interface Person {
  readonly name: string
  readonly organization: string
  readonly gateway: string
  /** What the gateway sends when it calls for them. */
  readonly headers: Headers
}

export const people = 200
export const organizations = 20
const gateways = 4

const resource = 'https://mcp.example.com/mcp'
const persons = await createTokenMinter({ issuer: 'https://people.example', alg: 'ES256' })
const machines = await createTokenMinter({ issuer: 'https://machines.example', alg: 'ES256' })

const common = { audience: resource, kind: 'by-client', algorithms: ['ES256'] } as const

/** Believes each gateway about the persons whose tokens were issued to it. */
export const authenticator: Authenticator<unknown> = createAuthenticator({
  resource,
  sources: [
    forwarded({
      header: 'x-user-token',
      issuer: issuer({ ...common, iss: persons.issuer, keys: { jwks: persons.jwks } }),
      gateway: issuer({
        ...common,
        iss: machines.issuer,
        keys: { jwks: machines.jwks },
        clients: Array.from({ length: gateways }, (_, index) => `gateway-${index}`),
      }),
      bind: ['audience', 'client'],
    }),
  ],
})

/** Everybody, each with tokens of their own. */
export const crowd: readonly Person[] = await Promise.all(
  Array.from({ length: people }, async (_, index) => {
    const name = `person-${index}`
    const organization = `org-${index % organizations}`
    const gateway = `gateway-${index % gateways}`
    const own = { sub: name, client_id: gateway, aud: resource, org_id: organization }
    const machine = { sub: gateway, client_id: gateway, aud: resource }
    const headers = {
      authorization: `Bearer ${await machines.mint(machine)}`,
      'x-user-token': await persons.mint(own),
    }
    return { name, organization, gateway, headers }
  }),
)
