import { basicAuthorization } from '@onbehalf/core/internal'
import { OAuthError } from './oauth-error.ts'

/** What the token endpoint answered. */
export interface IssuedTokens {
  readonly accessToken: string
  /** Present when a user signed in with the scope `openid`. */
  readonly idToken?: string
  readonly expiresInSeconds: number
  /** The granted scopes, space separated. */
  readonly scope?: string
}

/** How a client authenticates: a secret by HTTP Basic, or as a public client by its id alone. */
export interface RequestingClient {
  readonly id: string
  readonly secret?: string | undefined
}

/**
 * One request to a token endpoint (RFC 6749 sections 3.2 and 5). A parameter that is `undefined` is not sent.
 *
 * @throws OAuthError for any answer other than tokens.
 */
export async function requestTokens(
  tokenEndpoint: string,
  client: RequestingClient,
  parameters: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal | null = null,
): Promise<IssuedTokens> {
  const body = toSearchParams(parameters)
  const headers = new Headers()
  if (client.secret === undefined) body.set('client_id', client.id)
  else headers.set('authorization', basicAuthorization(client.id, client.secret))
  const response = await fetch(tokenEndpoint, { method: 'POST', headers, body, signal })
  return toIssuedTokens(response.status, (await response.json()) as Record<string, unknown>)
}

/** Parameters of an OAuth request, without those that are `undefined`. */
export function toSearchParams(
  parameters: Readonly<Record<string, string | undefined>>,
): URLSearchParams {
  const present = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  )
  return new URLSearchParams(present)
}

function toIssuedTokens(status: number, answer: Record<string, unknown>): IssuedTokens {
  const { access_token: accessToken, id_token: idToken, expires_in: seconds, scope } = answer
  if (typeof accessToken !== 'string') throw toOAuthError(status, answer)
  return {
    accessToken,
    expiresInSeconds: Number(seconds),
    ...(typeof idToken === 'string' && { idToken }),
    ...(typeof scope === 'string' && { scope }),
  }
}

/** The error that an OAuth answer describes (RFC 6749 sections 4.1.2.1 and 5.2). */
export function toOAuthError(
  status: number,
  { error = 'invalid_response', error_description: description }: Record<string, unknown>,
): OAuthError {
  return new OAuthError({
    status,
    error: String(error),
    description: typeof description === 'string' ? description : undefined,
  })
}
