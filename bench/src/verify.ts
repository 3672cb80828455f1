/** Verifying access tokens, from the header to the identity, against verifiers that are in use. */

import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { JwtVerifier } from 'aws-jwt-verify'
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose'
import { compare } from './compare.ts'

const name = 'https://idp.example.com'
const resource = 'https://mcp.example.com/mcp'

// More tokens than an authenticator remembers: each of them comes as if for the first time.
const moreThanAreKnown = 1_500

for (const algorithm of ['RS256', 'ES256'] as const) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm)
  const jwk = { ...(await exportJWK(publicKey)), alg: algorithm, kid: 'key-1', use: 'sig' }
  const mint = (subject: string): Promise<string> =>
    new SignJWT({ client_id: 'app', scope: 'mcp/invoke', org_id: 'acme' })
      .setProtectedHeader({ alg: algorithm, kid: 'key-1', typ: 'at+jwt' })
      .setIssuer(name)
      .setSubject(subject)
      .setAudience(resource)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
  const token = await mint('ada')
  const strangers = await Promise.all(
    Array.from({ length: moreThanAreKnown }, (_, at) => mint(`person-${at}`)),
  )
  let turn = 0
  const stranger = (): string => strangers[turn++ % moreThanAreKnown] as string

  const key = await importJWK(jwk)
  const aws = JwtVerifier.create({ issuer: name, audience: resource })
  aws.cacheJwks({ keys: [jwk] } as Parameters<typeof aws.cacheJwks>[0])
  const authenticator = createAuthenticator({
    resource,
    sources: [
      direct({
        issuer: issuer({
          iss: name,
          audience: resource,
          algorithms: [algorithm],
          keys: { jwks: { keys: [jwk] } },
        }),
      }),
    ],
  })
  const authenticate = (presented: string): Promise<unknown> =>
    authenticator.authenticate({ headers: { authorization: `Bearer ${presented}` } })
  const rules = { issuer: name, audience: resource, algorithms: [algorithm] }

  await compare(`${algorithm} access tokens`, [
    { name: 'jose jwtVerify', run: () => jwtVerify(stranger(), key, rules) },
    { name: 'aws-jwt-verify JwtVerifier', run: () => aws.verify(stranger()) },
    { name: 'onbehalf, tokens it does not know', run: () => authenticate(stranger()) },
    { name: 'onbehalf, a token it knows', run: () => authenticate(token) },
  ])
}
