import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose'
import { errors } from 'oidc-provider'
import type { IssuerKeys } from './keys.ts'
import type { LocalClient, LocalExchange } from './options.ts'
import type { Registry } from './registry.ts'

/** The user whom a new token is for. */
export interface Subject {
  readonly sub: string
  /** When the token with which they came ends, in seconds since 1970. */
  readonly exp: number
  readonly act: object | undefined
}

/** What a client may do with users' tokens. */
export function exchangeRuleOf(client: LocalClient): LocalExchange {
  if (!client.exchange) throw new errors.UnauthorizedClient()
  return client.exchange
}

/** Whether this user has consented to what the client does with their tokens. */
export function hasConsented({ consented }: LocalExchange, { sub }: Subject): boolean {
  return consented?.includes(sub) ?? true
}

/** RFC 8693 section 2.2.2: a token that is invalid for any reason is an `invalid_request`. */
export async function verifySubject(
  token: unknown,
  keys: IssuerKeys,
  registry: Registry,
  rule: LocalExchange,
): Promise<Subject> {
  const payload = await verifyOwnToken(token, keys)
  const { sub = '', exp = 0, aud = [], act } = payload
  const isUser = registry.users.has(sub) && sub !== payload['client_id']
  const audiences = Array.isArray(aud) ? aud : [aud]
  if (!isUser || !audiences.some((audience) => rule.from.includes(audience))) {
    throw new errors.InvalidRequest('the subject token is not one this client may exchange')
  }
  return { sub, exp, act: typeof act === 'object' && act !== null ? act : undefined }
}

export async function verifyOwnToken(token: unknown, keys: IssuerKeys): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(String(token), createLocalJWKSet(keys.jwks), {
      issuer: keys.minter.issuer,
      algorithms: [keys.minter.alg],
      typ: 'at+jwt',
      requiredClaims: ['sub', 'aud', 'exp', 'client_id'],
    })
    return payload
  } catch (cause) {
    throw new errors.InvalidRequest('a presented token is not valid', 400, { cause })
  }
}
