import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** All issuers that pages name, played with one key for each algorithm. */
export interface Issuers {
  /** What each of them publishes. */
  readonly jwks: { readonly keys: readonly JWK[] }
  /** A token with the claims that a page shows, valid now. */
  sign(claims: Readonly<Record<string, unknown>>, alg: Algorithm): Promise<string>
}

export type Algorithm = 'RS256' | 'ES256'

export async function createIssuers(): Promise<Issuers> {
  const pairs = { RS256: await generateKeyPair('RS256'), ES256: await generateKeyPair('ES256') }
  const keys = await Promise.all(
    (['RS256', 'ES256'] as const).map(async (alg) => ({
      ...(await exportJWK(pairs[alg].publicKey)),
      kid: alg,
      alg,
      use: 'sig',
    })),
  )
  return {
    jwks: { keys },
    sign: (claims, alg) => {
      const { iat = 0, exp = 0 } = claims as { iat?: number; exp?: number }
      const now = Math.floor(Date.now() / 1000)
      return new SignJWT({ ...claims, iat: now, exp: now + exp - iat })
        .setProtectedHeader({ alg, kid: alg, typ: 'at+jwt' })
        .sign(pairs[alg].privateKey)
    },
  }
}
