import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose'

export type Signing = 'RS256' | 'ES256' | 'EdDSA'

export const issuerName = 'https://idp.example.com'
export const resource = 'https://mcp.example.com/mcp'
export const gatewayClient = 'agent-gateway'

/** What the processes of one comparison share. */
export interface Fixture {
  readonly algorithm: Signing
  readonly jwk: JWK
  readonly pem: string
  /** Of as many users. */
  readonly tokens: readonly string[]
  /** A machine token of the gateway that forwards them. */
  readonly gatewayToken: string
}

/** A fixture, and who signs for more users than it holds tokens of. */
interface Signer extends Fixture {
  readonly sign: (user: number) => Promise<string>
}

/** Access tokens of about one kilobyte, as identity providers write them. */
export async function createFixture(algorithm: Signing, users: number): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const signClaims = (claims: Record<string, unknown>): Promise<string> =>
    new SignJWT({ scope: 'mcp/invoke mcp/read', ...claims })
      .setProtectedHeader({ alg: algorithm, kid: 'key-2026-11', typ: 'at+jwt' })
      .setIssuer(issuerName)
      .setAudience(resource)
      .setIssuedAt()
      .setExpirationTime('12h')
      .sign(privateKey)
  const sign = (user: number): Promise<string> => signClaims(claimsOf(user))
  const tokens: string[] = []
  for (let at = 0; at < users; at++) tokens.push(await sign(at))
  return {
    algorithm,
    jwk: { ...(await exportJWK(publicKey)), alg: algorithm, kid: 'key-2026-11', use: 'sig' },
    pem: await exportSPKI(publicKey),
    tokens,
    gatewayToken: await signClaims({
      sub: gatewayClient,
      client_id: gatewayClient,
      jti: 'machine-1',
    }),
    sign,
  }
}

function claimsOf(at: number): Record<string, unknown> {
  const id = String(at).padStart(8, '0')
  return {
    sub: `f81d4fae-7dec-11d0-a765-${id}0000`,
    jti: `0f0c6a52-9f2e-4c6b-b0a5-${id}0000`,
    sid: `b7c1a9e0-6d55-4a0e-93c2-${id}0000`,
    client_id: gatewayClient,
    azp: gatewayClient,
    org_id: `org_${at % 50}`,
    org_name: 'Acme Industries',
    name: `Ada Lovelace ${id}`,
    email: `ada.lovelace.${id}@acme.example`,
    email_verified: true,
    roles: ['invoices.reader', 'reports.reader', 'controller'],
    acr: 'urn:mace:incommon:iap:silver',
    auth_time: 1_790_000_000,
    tenant_region: 'eu-central-1',
  }
}
