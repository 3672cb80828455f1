import { generateKeyPairSync, sign } from 'node:crypto'
import {
  type Authenticator,
  createAuthenticator,
  direct,
  issuer,
  type SigningIssuer,
} from '@onbehalf/core'
import { resource } from './callers.ts'

const issuerName = 'https://idp.example'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' }

/** Seconds since 1970 at which tokens are made, unless a test says otherwise. */
export const start = 1_800_000_000

const issuerOptions = {
  iss: issuerName,
  audience: resource,
  kind: 'by-client',
  algorithms: ['ES256'],
  keys: { jwks: { keys: [jwk] } },
} as const

export const people: SigningIssuer = issuer(issuerOptions)
/** Issues the tokens of two services, too. */
export const services: SigningIssuer = issuer({ ...issuerOptions, clients: ['gateway', 'reports'] })

export function createTokenAuthenticator(
  clock: () => number,
  at: string = resource,
): Authenticator<unknown> {
  const trusted = at === resource ? people : issuer({ ...issuerOptions, audience: at })
  return createAuthenticator({ resource: at, clock, sources: [direct({ issuer: trusted })] })
}

let made = 0

/** A signed access token with these claims over the usual ones. */
export function mintToken(claims: object): string {
  made += 1
  const header = { alg: 'ES256', kid: 'k', typ: 'at+jwt' }
  const usual = { iss: issuerName, aud: resource, client_id: 'agent', jti: String(made) }
  const input = `${encode(header)}.${encode({ ...usual, ...claims })}`
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
