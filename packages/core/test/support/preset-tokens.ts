import {
  type Claims,
  createAuthenticator,
  direct,
  type Identity,
  type Issuer,
} from '@onbehalf/core'
import { expectRefused } from './expect-refused.ts'
import { createSigner, type Signer } from './signer.ts'
import { bearer, clock, resource } from './world.ts'

/** Tokens as a provider signs them, and what a server makes of them. */
export interface ProviderTokens {
  /** The provider's keys, given to a preset as they are. */
  readonly keys: { readonly jwks: Signer['jwks'] }
  readonly read: (issuer: Issuer, claims: Claims) => Promise<Identity>
  /** Expects a token to be refused as `TOK`. */
  readonly expectReason: (reason: string, issuer: Issuer, claims: Claims) => Promise<void>
}

/** Signs with RS256. `header` holds what the provider writes beside `alg` and `kid`. */
export async function providerTokens(header: object): Promise<ProviderTokens> {
  const signer = await createSigner('provider-key', 'RS256')
  const send = (issuer: Issuer, token: string): Promise<Identity> =>
    createAuthenticator({ resource, clock, sources: [direct({ issuer })] }).authenticate(
      bearer(token),
    )
  return {
    keys: { jwks: signer.jwks },
    read: async (issuer, claims) => send(issuer, await signer.sign(claims, header)),
    expectReason: async (reason, issuer, claims) => {
      const token = await signer.sign(claims, header)
      await expectRefused(() => send(issuer, token), { code: 'TOK', reason }, token)
    },
  }
}

/** The addresses that an issuer fetches its keys from when it gets ready. */
export async function addressesOf(
  make: (options: { readonly fetch: typeof fetch }) => Issuer,
): Promise<readonly string[]> {
  const asked: string[] = []
  const issuer = make({
    fetch: async (input) => {
      asked.push(new Request(input).url)
      return new Response('', { status: 404 })
    },
  })
  await issuer.ready(() => undefined).catch(() => undefined)
  return asked
}
