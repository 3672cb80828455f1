import type { JSONWebKeySet } from 'jose'
import { createTokenMinter, type TokenMinter } from '../tokens/mint-token.ts'

/** The signing keys of one issuer, newest first. */
export interface IssuerKeys {
  /** Signs with the current key. */
  readonly minter: TokenMinter & { readonly alg: 'RS256' | 'ES256' }
  /** Public keys: the current and, after a rotation, the previous one. */
  readonly jwks: JSONWebKeySet
  readonly privateJwks: JSONWebKeySet
}

/** A new key in front of the last one of `previous`. */
export async function createIssuerKeys(
  issuer: string,
  alg: 'RS256' | 'ES256',
  previous?: IssuerKeys,
): Promise<IssuerKeys> {
  const minter = { ...(await createTokenMinter({ issuer, alg })), alg }
  return {
    minter,
    jwks: { keys: [...minter.jwks.keys, ...(previous?.minter.jwks.keys ?? [])] },
    privateJwks: {
      keys: [minter.privateJwk, ...(previous ? [previous.minter.privateJwk] : [])],
    },
  }
}
