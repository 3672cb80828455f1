/** Verifying one access token, from the header to the identity, against verifiers that are in use. */

import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { JwtVerifier } from 'aws-jwt-verify'
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose'
import { compare } from './compare.ts'

const name = 'https://idp.example.com'
const resource = 'https://mcp.example.com/mcp'

for (const algorithm of ['RS256', 'ES256'] as const) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm)
  const jwk = { ...(await exportJWK(publicKey)), alg: algorithm, kid: 'key-1', use: 'sig' }
  const token = await new SignJWT({ client_id: 'app', scope: 'mcp/invoke', org_id: 'acme' })
    .setProtectedHeader({ alg: algorithm, kid: 'key-1', typ: 'at+jwt' })
    .setIssuer(name)
    .setSubject('ada')
    .setAudience(resource)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)

  const key = await importJWK(jwk)
  const aws = JwtVerifier.create({ issuer: name, audience: resource })
  aws.cacheJwks({ keys: [jwk] } as Parameters<typeof aws.cacheJwks>[0])
  const authenticator = createAuthenticator({
    resource,
    sources: [
      direct({
        issuer: issuer({
          issuer: name,
          audience: resource,
          algorithms: [algorithm],
          keys: { jwks: { keys: [jwk] } },
        }),
      }),
    ],
  })
  const headers = { authorization: `Bearer ${token}` }
  const rules = { issuer: name, audience: resource, algorithms: [algorithm] }

  await compare(`${algorithm}: one access token`, [
    { name: 'jose jwtVerify', run: () => jwtVerify(token, key, rules) },
    { name: 'aws-jwt-verify JwtVerifier', run: () => aws.verify(token) },
    { name: 'onbehalf authenticate', run: () => authenticator.authenticate({ headers }) },
  ])
}
