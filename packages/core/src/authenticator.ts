import type { AuthenticatorEvent, Context } from './context.ts'
import { type CredentialRequest, type Credentials, readCredentials } from './credentials.ts'
import { asIdentityError, IdentityError } from './errors.ts'
import type { Claims, Identity } from './identity.ts'
import { safeUrl } from './keys/safe-url.ts'
import { type ProtectedResourceMetadata, resourceMetadataUrl } from './metadata.ts'
import type { Source } from './sources/source.ts'

export interface AuthenticatorOptions<S extends readonly Source<unknown>[]> {
  /** Identifier of this server (RFC 8707): its public URL. Stated, never taken from a request. */
  readonly resource: string
  /** Tried in this order; the first that applies decides. */
  readonly sources: S
  /** Seconds since 1970. Default: the system clock. */
  readonly clock?: () => number
  /** Told about every decision and every key load. A throw in it changes nothing. */
  readonly onEvent?: (event: AuthenticatorEvent) => void
}

/** Turns the credentials of a request into an identity. Made by {@link createAuthenticator}. */
export interface Authenticator<C = Claims> {
  readonly resource: string
  /** Where {@link metadata} is published (RFC 9728 section 3.1). */
  readonly resourceMetadataUrl: string
  readonly metadata: ProtectedResourceMetadata
  /**
   * The identity on whose behalf a request runs.
   *
   * @throws IdentityError and nothing else
   */
  authenticate(request: CredentialRequest): Promise<Identity<C>>
  /**
   * Loads the keys of every issuer: for start-up and health checks.
   *
   * @throws IdentityError `DOWN`
   */
  ready(): Promise<void>
}

type ClaimsOf<S> = S extends readonly Source<infer C>[] ? C : never

/**
 * Builds the authenticator of one protected resource.
 *
 * @example
 * ```ts
 * const authenticator = createAuthenticator({
 *   resource: 'https://mcp.example.com/mcp',
 *   sources: [direct({ issuer: people })],
 * })
 * const identity = await authenticator.authenticate(request)
 * ```
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function createAuthenticator<const S extends readonly Source<unknown>[]>(
  options: AuthenticatorOptions<S>,
): Authenticator<ClaimsOf<S>> {
  const { resource, clock = () => Date.now() / 1000, onEvent } = options
  const sources: readonly Source<unknown>[] = [...options.sources]
  safeUrl(resource, 'resource')
  if (sources.length === 0) throw new TypeError('sources must not be empty')
  const headers = {
    tokens: new Set(sources.flatMap((source) => source.tokenHeaders)),
    values: new Set(sources.flatMap((source) => source.valueHeaders)),
  }
  const createContext = (): Context => ({ now: clock(), report: toReport(onEvent) })

  async function authenticate(request: CredentialRequest): Promise<Identity<ClaimsOf<S>>> {
    const context = createContext()
    try {
      const credentials = readCredentials(request, headers)
      const source = chooseSource(sources, credentials)
      const identity = await source.identify(credentials, context)
      context.report({ type: 'accepted', source: source.kind })
      return identity as Identity<ClaimsOf<S>>
    } catch (thrown) {
      const error = asIdentityError(thrown)
      context.report({ type: 'refused', code: error.code, reason: error.reason })
      throw error
    }
  }

  async function ready(): Promise<void> {
    const context = createContext()
    const issuers = new Set(sources.flatMap((source) => source.issuers))
    await Promise.all([...issuers].map((issuer) => issuer.ready(context)))
  }

  return Object.freeze({
    resource,
    resourceMetadataUrl: resourceMetadataUrl(resource),
    metadata: createMetadata(resource, sources),
    authenticate,
    ready,
  })
}

function chooseSource(
  sources: readonly Source<unknown>[],
  credentials: Credentials,
): Source<unknown> {
  const source = sources.find((candidate) => candidate.applies(credentials))
  if (source === undefined) throw explain(sources, credentials)
  // Nothing that was presented is quietly ignored: who decides must have read all of it.
  const read = new Set([...source.tokenHeaders, ...source.valueHeaders])
  const unread = [...credentials.present].some((name) => !read.has(name))
  if (unread) throw new IdentityError('TOK', { reason: 'credential_not_understood' })
  return source
}

/** Why no source applies, as precisely as it can be told. */
function explain(sources: readonly Source<unknown>[], credentials: Credentials): IdentityError {
  if (credentials.present.size === 0) {
    return new IdentityError('MISSING', { reason: 'no_credential' })
  }
  const understood = sources.filter((source) => source.missing?.(credentials) !== undefined)
  const reason = understood[0]?.missing?.(credentials)
  if (reason !== undefined && onlyKnownHeaders(understood, credentials)) {
    return new IdentityError('MISSING', { reason })
  }
  return credentials.present.has('authorization')
    ? new IdentityError('TOK', { reason: 'issuer_unknown' })
    : new IdentityError('MISSING', { reason: 'gateway_missing' })
}

function onlyKnownHeaders(sources: readonly Source<unknown>[], credentials: Credentials): boolean {
  const known = new Set(
    sources.flatMap((source) => [...source.tokenHeaders, ...source.valueHeaders]),
  )
  return [...credentials.present].every((name) => known.has(name))
}

function createMetadata(
  resource: string,
  sources: readonly Source<unknown>[],
): ProtectedResourceMetadata {
  const issuers = sources.flatMap((source) => source.authorizationIssuer ?? [])
  const servers = new Set(issuers.flatMap(({ issuers: [first] }) => first ?? []))
  const scopes = new Set(issuers.flatMap((issuer) => issuer.scopes))
  return Object.freeze({
    resource,
    authorization_servers: Object.freeze([...servers]),
    ...(scopes.size > 0 && { scopes_supported: Object.freeze([...scopes]) }),
    bearer_methods_supported: Object.freeze(['header'] as const),
  })
}

function toReport(onEvent: ((event: AuthenticatorEvent) => void) | undefined): Context['report'] {
  return (event) => {
    try {
      onEvent?.(event)
    } catch {
      // An observer must not turn a decision around: its own failure is its own.
    }
  }
}
