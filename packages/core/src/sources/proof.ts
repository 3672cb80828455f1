import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { IdentityError } from '../errors.ts'
import type { Gateway } from '../identity.ts'
import { isEqual, sha256 } from '../internal/digest.ts'
import { assertOptions, headerName, type OneOrMore, requiredList } from '../internal/options.ts'
import type { Issuer } from '../issuer/issuer.ts'
import { requireClients, type Tenancy, verifyGateway } from './gateway-token.ts'
import { namesIssuer } from './source.ts'

/** What a proof established. */
export interface Proven {
  readonly gateway?: Gateway
  /** The organizations of the gateway's own credential: it brings callers of these only. */
  readonly tenancy?: Tenancy
  /** Seconds since 1970 until which the proof holds; absent when it holds for the request only. */
  readonly expiresAt?: number
}

/** Independent proof that the caller is the gateway, so that its plain headers may be believed. */
export interface GatewayProof {
  readonly tokenHeaders: readonly string[]
  readonly valueHeaders: readonly string[]
  readonly authorizationIssuer: Issuer<unknown> | undefined
  /** Whether the request carries this kind of proof at all. */
  applies(credentials: Credentials): boolean
  /** @throws IdentityError when the proof does not hold */
  prove(credentials: Credentials, context: Context): Promise<Proven>
}

/**
 * Proof by the gateway's own machine token in `Authorization`.
 *
 * @throws TypeError when the issuer lists no clients
 */
export function gatewayToken(gatewayIssuer: Issuer<unknown>): GatewayProof {
  requireClients(gatewayIssuer, 'gateway')
  return {
    tokenHeaders: ['authorization'],
    valueHeaders: [],
    authorizationIssuer: gatewayIssuer,
    applies: (credentials) => namesIssuer(credentials, 'authorization', [gatewayIssuer]),
    async prove(credentials, context) {
      const { gateway, token } = await verifyGateway(gatewayIssuer, credentials, context)
      return { gateway, tenancy: token, expiresAt: token.expiresAt }
    },
  }
}

export interface SharedSecretOptions {
  /** Header in which the gateway sends the secret. */
  readonly header: string
  /** The secret, at least 32 characters; several while it is being changed. */
  readonly secret: OneOrMore<string>
}

const minSecretLength = 32

/**
 * Proof by a secret that only the gateway and this server know, compared in constant time.
 *
 * @throws TypeError when a secret has fewer than 32 characters
 */
export function sharedSecret(options: SharedSecretOptions): GatewayProof {
  const header = headerName(options.header, 'header')
  const secrets = requiredList(options.secret, 'secret')
  if (secrets.some((secret) => secret.length < minSecretLength)) {
    throw new TypeError(`secret must have at least ${minSecretLength} characters`)
  }
  assertOptions('sharedSecret', options, { header: true, secret: true })
  return {
    tokenHeaders: [],
    valueHeaders: [header],
    authorizationIssuer: undefined,
    applies: (credentials) => credentials.value(header) !== undefined,
    async prove(credentials) {
      const sent = await digest(credentials.value(header) ?? '')
      // Every secret is compared, so that the time does not reveal which one came close.
      const expected = await Promise.all(secrets.map(digest))
      const matches = expected.map((secret) => isEqual(sent, secret))
      if (!matches.includes(true)) {
        const failure = { role: 'gateway', header } as const
        throw new IdentityError('MISSING', { reason: 'proof_secret', failure })
      }
      return {}
    },
  }
}

export interface ClientCertificateOptions {
  /** SHA-256 fingerprints of accepted certificates: hexadecimal, with or without colons. */
  readonly sha256: OneOrMore<string>
}

/**
 * Proof by the TLS client certificate of this very connection, which the server itself verified.
 *
 * @throws TypeError when a fingerprint is not 32 bytes in hexadecimal
 */
export function clientCertificate(options: ClientCertificateOptions): GatewayProof {
  const accepted = requiredList(options.sha256, 'sha256').map((text) =>
    text.replaceAll(':', '').toLowerCase(),
  )
  if (!accepted.every((text) => /^[0-9a-f]{64}$/.test(text))) {
    throw new TypeError('sha256 must hold SHA-256 fingerprints in hexadecimal')
  }
  assertOptions('clientCertificate', options, { sha256: true })
  return {
    tokenHeaders: [],
    valueHeaders: [],
    authorizationIssuer: undefined,
    applies: (credentials) => credentials.certificate !== undefined,
    async prove({ certificate }) {
      const fingerprint = certificate && toHex(await sha256(certificate))
      if (fingerprint !== undefined && accepted.includes(fingerprint)) return {}
      const failure = { role: 'gateway', expected: accepted } as const
      throw new IdentityError('MISSING', { reason: 'proof_certificate', failure })
    },
  }
}

function digest(text: string): Promise<Uint8Array> {
  return sha256(new TextEncoder().encode(text))
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
