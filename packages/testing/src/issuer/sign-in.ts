import { createHash, randomBytes } from 'node:crypto'
import type { OAuthError } from '../oauth/oauth-error.ts'
import {
  type IssuedTokens,
  requestTokens,
  toOAuthError,
  toSearchParams,
} from '../oauth/token-request.ts'
import type { LocalClient } from './options.ts'
import { DEFAULT_REDIRECT_URI, INTERACTION_PATH } from './protocol.ts'

/** Who signs in where, for what. */
export interface SignInRequest {
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly client: LocalClient
  readonly user: string
  readonly resource: string | undefined
  readonly scope: string
}

/**
 * Plays the browser and the application of an authorization code flow with PKCE (RFC 6749 section 4.1, RFC
 * 7636), every step over HTTP.
 *
 * @throws OAuthError when the issuer refuses.
 */
export async function signInWithBrowser(request: SignInRequest): Promise<IssuedTokens> {
  const { client, resource } = request
  const redirectUri = client.redirectUris?.[0] ?? DEFAULT_REDIRECT_URI
  const codeVerifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const authorization = toSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: redirectUri,
    scope: request.scope,
    resource,
    state,
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const start = `${request.authorizationEndpoint}?${authorization.toString()}`
  const callback = await browse(start, request.user)
  return requestTokens(request.tokenEndpoint, client, {
    grant_type: 'authorization_code',
    code: codeOf(callback, state),
    redirect_uri: redirectUri,
    code_verifier: codeVerifier,
    resource,
  })
}

function codeOf(callback: URL, state: string): string {
  const answer = Object.fromEntries(callback.searchParams)
  const { code } = answer
  if (code === undefined || answer['state'] !== state) throw toOAuthError(303, answer)
  return code
}

/** The three steps of a browser: ask for a code, say who is there, arrive at the application. */
async function browse(start: string, user: string): Promise<URL> {
  const follow = createBrowser()
  const page = await follow(new URL(start))
  // A refused authorization request goes straight to the application.
  if (!page.pathname.startsWith(INTERACTION_PATH)) return page
  return follow(await follow(page, new URLSearchParams({ user })))
}

/** Requests a page and returns where it redirects to; keeps cookies between requests. */
function createBrowser(): (url: URL, form?: URLSearchParams) => Promise<URL> {
  const cookies = new Map<string, string>()
  return async (url, form) => {
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      body: form ?? null,
      headers: { cookie: [...cookies].map((cookie) => cookie.join('=')).join('; ') },
      redirect: 'manual',
    })
    for (const cookie of response.headers.getSetCookie()) remember(cookies, cookie)
    const location = response.headers.get('location')
    if (location === null) throw await refusalOf(response)
    await response.body?.cancel()
    return new URL(location, url)
  }
}

function remember(cookies: Map<string, string>, header: string): void {
  const [pair = ''] = header.split(';')
  const separator = pair.indexOf('=')
  cookies.set(pair.slice(0, separator), pair.slice(separator + 1))
}

async function refusalOf(response: Response): Promise<OAuthError> {
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false
  const answer = isJson ? ((await response.json()) as Record<string, unknown>) : {}
  return toOAuthError(response.status, answer)
}
