import {
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  type CryptoKey,
  modifyAssertion,
  PrivateKeyJwt,
  TlsClientAuth,
} from 'oauth4webapi'

/** How this server authenticates to an authorization server, by the registered name of the method. */
export type ClientOptions =
  | {
      readonly id: string
      readonly method: 'client_secret_basic' | 'client_secret_post'
      readonly secret: string
    }
  | {
      readonly id: string
      /** A signed assertion (RFC 7523 section 2.2). */
      readonly method: 'private_key_jwt'
      /** Private key; its algorithm decides how the assertion is signed. */
      readonly key: CryptoKey
      /** `kid` of the assertion. Default: none. */
      readonly keyId?: string
      /** `x5t#S256` of the assertion: Entra finds the certificate by it. Default: none. */
      readonly certificateThumbprint?: string
      /** `aud` of the assertion. Default: the issuer, as draft-ietf-oauth-rfc7523bis asks for. */
      readonly audience?: string
    }
  | {
      readonly id: string
      /** Mutual TLS (RFC 8705): the `fetch` of the grant has to present the certificate. */
      readonly method: 'tls_client_auth' | 'self_signed_tls_client_auth'
    }

/** @throws TypeError naming the option that is missing or wrong */
export function toClientAuth(client: ClientOptions, hasOwnFetch: boolean): ClientAuth {
  if (typeof client?.id !== 'string' || client.id === '')
    throw new TypeError('client.id is required')
  switch (client.method) {
    case 'client_secret_basic':
      return ClientSecretBasic(requireSecret(client.secret))
    case 'client_secret_post':
      return ClientSecretPost(requireSecret(client.secret))
    case 'private_key_jwt':
      return toPrivateKeyJwt(client)
    case 'tls_client_auth':
    case 'self_signed_tls_client_auth':
      if (hasOwnFetch) return TlsClientAuth()
      throw new TypeError('fetch is required: it presents the certificate of tls_client_auth')
    default:
      throw new TypeError('client.method is not a known method of client authentication')
  }
}

function requireSecret(secret: string): string {
  if (typeof secret === 'string' && secret !== '') return secret
  throw new TypeError('client.secret is required')
}

function toPrivateKeyJwt(client: ClientOptions & { method: 'private_key_jwt' }): ClientAuth {
  const { key, keyId, certificateThumbprint, audience } = client
  if (key?.type !== 'private') throw new TypeError('client.key must be a private CryptoKey')
  return PrivateKeyJwt(keyId === undefined ? key : { key, kid: keyId }, {
    [modifyAssertion]: (header, payload) => {
      if (certificateThumbprint !== undefined) header['x5t#S256'] = certificateThumbprint
      if (audience !== undefined) payload['aud'] = audience
    },
  })
}
