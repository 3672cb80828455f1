import { createAuthenticator, direct, isIdentityError, issuer } from '@onbehalf/core'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

// Compiled and run both as an ES module and as CommonJS, against the packed tarball: that is why
// nothing is awaited at the top level.
const name = 'https://login.example.com'
const resource = 'https://mcp.example.com/mcp'

async function use(): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  const people = issuer({
    iss: name,
    audience: resource,
    kind: 'by-client',
    keys: { jwks: { keys: [jwk] } },
  })
  const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })
  const authenticate = (token: string) =>
    authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })

  const token = await new SignJWT({ client_id: 'app', jti: '1' })
    .setProtectedHeader({ alg: 'RS256', kid: 'one', typ: 'at+jwt' })
    .setIssuer(name)
    .setAudience(resource)
    .setSubject('ada')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey)

  const identity = await authenticate(token)
  if (identity.subject !== 'ada') throw new Error('the packed core does not know the subject')

  const [header, claims] = token.split('.')
  const refusal: unknown = await authenticate(`${header}.${claims}.AAAA`).catch((error) => error)
  if (!isIdentityError(refusal)) throw new Error('the packed core accepted a forged signature')
}

void use()
