import { direct, forwarded, issuer, plainHeaders, sharedSecret } from '@onbehalf/core'
import type { Mount } from './frameworks.ts'
import {
  assertion,
  gatewayIssuer,
  gatewayName,
  gatewaySecret,
  goodCall,
  peopleIssuer,
  plainHeaderNames,
  userHeader,
} from './gateway.ts'
import { createKey } from './keys.ts'
import { audience, issuerName } from './names.ts'
import { bearer, type ProtectedServer, startServer } from './server.ts'
import { mint } from './token.ts'

const key = createKey('ES256')

/** Tokens of two callers, each good on its own at {@link startDirectOn}. */
export const adasToken: string = mint(key)
export const gilsToken: string = mint(key, { claims: { sub: 'gil', jti: 'token-2' } })
/** Sound, for another server. */
export const foreignToken: string = mint(key, { claims: { aud: 'https://other.example/mcp' } })

const ownIssuer = issuer({
  iss: issuerName,
  audience,
  kind: 'by-client',
  algorithms: ['ES256'],
  keys: { jwks: { keys: [key.jwk] } },
})

/** Takes callers' own tokens. */
export function startDirectOn(mount: Mount): Promise<ProtectedServer> {
  return startServer({ sources: [direct({ issuer: ownIssuer })], good: bearer(adasToken), mount })
}

/** Takes persons' tokens from gateway A and gateway B. */
export function startForwardedOn(mount: Mount): Promise<ProtectedServer> {
  const source = forwarded({
    header: userHeader,
    issuer: peopleIssuer(),
    gateway: gatewayIssuer(),
    bind: ['audience', 'client', 'actor'],
  })
  return startServer({ sources: [source], good: goodCall(), mount })
}

/** Takes plain headers from whoever knows the gateway's secret. */
export function startPlainHeadersOn(mount: Mount): Promise<ProtectedServer> {
  const proof = sharedSecret({ header: 'x-gateway-secret', secret: gatewaySecret })
  const headers = { ...plainHeaderNames, roles: 'x-roles' }
  const source = plainHeaders({ headers, iss: gatewayName, proof })
  return startServer({
    sources: [source],
    good: [...assertion(gatewaySecret), ['x-roles', '']],
    mount,
  })
}
