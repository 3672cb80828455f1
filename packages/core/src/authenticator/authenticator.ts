import type { AuditTrail } from '../audit.ts'
import type { AuthenticatorEvent, Context } from '../context.ts'
import {
  type CredentialHeaders,
  type CredentialRequest,
  type Credentials,
  readCredentials,
} from '../credentials/credentials.ts'
import { asIdentityError, withFailure } from '../errors.ts'
import type { Claims, Identity, SourceKind } from '../identity.ts'
import { toObserver } from '../internal/observer.ts'
import { type OneOrMore, toList } from '../internal/one-or-more.ts'
import { assertOptions, type OptionNames } from '../internal/options.ts'
import { readClock } from '../internal/read-clock.ts'
import { secureUrl } from '../internal/safe-url.ts'
import { toServers } from '../issuer/authorization-servers.ts'
import type { Issuer } from '../issuer/issuer.ts'
import {
  type Confirmation,
  confirmAll,
  toConfirmations,
} from '../proof-of-possession/confirmation.ts'
import { type ProtectedResourceMetadata, resourceMetadataUrl } from '../refusal/metadata.ts'
import { assertRevocation, createRevocations, type Revocation } from '../revocation/revocation.ts'
import { type AnySource, named, type Source } from '../sources/source.ts'
import type { Store } from '../stores/store.ts'
import { KnownTokens } from '../token/known-tokens.ts'
import { maxTokenLength } from '../token/parse-token.ts'
import { chooseSource } from './choose-source.ts'
import { recordRefusal, toRefusal } from './record-refusal.ts'
import { createSubjectTokens } from './subject-tokens.ts'

export interface AuthenticatorOptions<S extends readonly AnySource[]> {
  /** Identifier of this server (RFC 8707): its public URL. Stated, never taken from a request. */
  readonly resource: string
  /** Tried in this order; the first that applies decides. */
  readonly sources: S
  /**
   * How callers may prove that a sender-constrained token is theirs: `dpop`, `certificateBound`.
   * Default: none, and such tokens are refused.
   */
  readonly confirmations?: readonly Confirmation[]
  /**
   * Scopes that guards ask for, published in the metadata beside those of the issuers, so that clients
   * know what they may ask for. Nothing is required by this list.
   */
  readonly scopesSupported?: OneOrMore<string>
  /**
   * Keeps what is revoked. Give all processes that serve the resource one shared store: a
   * `memoryStore`, and the default, hold a revocation in this process only, and forget it with it.
   */
  readonly revocations?: Store
  /**
   * Records every refused request before it is answered. One that a strict trail cannot record is
   * answered as `AUDIT`.
   */
  readonly audit?: AuditTrail | undefined
  /** Seconds since 1970. Default: the system clock. */
  readonly clock?: () => number
  /** Called for every decision and every key load. A throw or a rejection in it changes nothing. */
  readonly onEvent?: (event: AuthenticatorEvent) => void
}

/** Who else is notified about one request, beside what the authenticator was given. */
export interface AuthenticateOptions {
  /** Records a refusal, unless the authenticator has its own trail. */
  readonly audit?: AuditTrail | undefined
  /** The caller serves requests without a credential: these are neither reported nor recorded. */
  readonly acceptsGuests?: boolean
  /** Called with every event of this request. It must not throw. */
  readonly onEvent?: ((event: AuthenticatorEvent) => void) | undefined
}

/** Turns the credentials of a request into an identity. Made by {@link createAuthenticator}. */
export interface Authenticator<C = Claims> {
  readonly resource: string
  /** The trail that it was given. */
  readonly audit: AuditTrail | undefined
  /** Where {@link metadata} is published (RFC 9728 section 3.1). */
  readonly resourceMetadataUrl: string
  readonly metadata: ProtectedResourceMetadata
  /** Kinds of its sources, in the order in which they are tried. */
  readonly sourceKinds: readonly SourceKind[]
  /** Scopes that every token needs, for challenges. */
  readonly scopes: readonly string[]
  /**
   * The identity on whose behalf a request runs.
   *
   * @throws IdentityError and nothing else
   */
  authenticate(request: CredentialRequest, options?: AuthenticateOptions): Promise<Identity<C>>
  /**
   * Loads the keys of every issuer: for start-up and health checks.
   *
   * @throws IdentityError `DOWN`
   */
  ready(): Promise<void>
  /**
   * Refuses a token, a session (`sid`), every token that a subject was issued until now, or all that
   * an identity represents, from the next request on. A stream that is open already is not closed.
   *
   * Reaches the processes that share `revocations`. Without that option it holds in this process
   * only: the first such call reports `revocation_not_shared`.
   *
   * @throws IdentityError `DOWN` when that cannot be kept
   * @throws TypeError when it names nothing, or something that cannot be revoked
   */
  revoke(revocation: Revocation): Promise<void>
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
export function createAuthenticator<const S extends readonly AnySource[]>(
  options: AuthenticatorOptions<S>,
): Authenticator<ClaimsOf<S>> {
  const { resource, audit, clock = () => Date.now() / 1000, onEvent } = options
  secureUrl(resource, 'resource')
  assertFunction(clock, 'clock')
  if (onEvent !== undefined) assertFunction(onEvent, 'onEvent')
  if (audit !== undefined) assertFunction(audit['refusal'], 'audit.refusal')
  const sources = toSources(options.sources)
  const { revocations: store } = options
  const confirmations = toConfirmations(options.confirmations)
  const supported = toList(options.scopesSupported, 'scopesSupported') ?? []
  const headers = toHeaders(sources, confirmations)
  const issuers = [...new Set(sources.flatMap((source) => source.issuers))]
  assertAuthenticatorOptions(options)
  const namesOf = toIssuerNames(issuers)
  const maxLifetimeSeconds = Math.max(0, ...issuers.map((issuer) => issuer.maxLifetimeSeconds))
  const revocations = createRevocations({ store, maxLifetimeSeconds, namesOf })
  const report = toObserver(onEvent)
  const warnNotShared = store === undefined ? once(() => tellNotShared(onEvent, report)) : undefined
  const known = new KnownTokens()
  const checkRevoked: Context['checkRevoked'] = (it) => revocations.check(it)
  const subjectTokens = createSubjectTokens({ resource, sources, clock, checkRevoked })

  function createContext(
    request: CredentialRequest,
    credentials: Credentials,
    report: Context['report'],
  ): Context {
    const context: Context = {
      now: readClock(clock),
      report,
      issuerName: (name) => namesOf(name)[0] ?? name,
      checkRevoked,
      confirm: (cnf, credential) =>
        confirmAll(cnf, confirmations, { credential, credentials, request, context, resource }),
    }
    return context
  }

  async function authenticate(
    request: CredentialRequest,
    more: AuthenticateOptions = {},
  ): Promise<Identity<ClaimsOf<S>>> {
    let credentials: Credentials | undefined
    let source: AnySource | undefined
    const tell = more.onEvent === undefined ? report : both(report, more.onEvent)
    try {
      credentials = readCredentials(request, headers, known)
      source = chooseSource(sources, credentials)
      const context = createContext(request, credentials, tell)
      const identity = (await source.identify(credentials, context)) as Identity<ClaimsOf<S>>
      if (identity?.principal === undefined) throw new TypeError('A source returned no identity')
      tell({ type: 'accepted', source: source.kind })
      keepTokens(known, credentials)
      return subjectTokens.bind(identity, source, credentials)
    } catch (thrown) {
      const error = toRefusal(thrown, source)
      if (more.acceptsGuests && error.reason === 'no_credential') throw error
      const { code, reason, failure, requestId = '' } = error
      tell({ type: 'refused', code, reason, failure, requestId })
      throw await recordRefusal(audit ?? more.audit, { request, credentials, error })
    }
  }

  const authenticator: Authenticator<ClaimsOf<S>> = Object.freeze({
    resource,
    audit,
    resourceMetadataUrl: resourceMetadataUrl(resource),
    scopes: requiredScopes(sources),
    metadata: createMetadata({ resource, sources, confirmations, supported }),
    sourceKinds: Object.freeze(sources.map(({ kind }) => kind)),
    authenticate,
    ready: () =>
      closed(async () => void (await Promise.all(issuers.map((it) => loadOf(it, report))))),
    revoke: async (revocation: Revocation) => {
      assertRevocation(revocation)
      warnNotShared?.()
      await closed(() => revocations.revoke(revocation, readClock(clock)))
    },
  })
  return subjectTokens.offer(authenticator)
}

const knownOptions: OptionNames<Omit<AuthenticatorOptions<[]>, 'audit' | 'onEvent'>> = {
  resource: true,
  sources: true,
  confirmations: true,
  scopesSupported: true,
  revocations: true,
  clock: true,
}

/** Observing decides nothing: a trail or a callback may be there and undefined. */
function assertAuthenticatorOptions(options: AuthenticatorOptions<readonly AnySource[]>): void {
  const { audit: _audit, onEvent: _onEvent, ...deciding } = options
  assertOptions('createAuthenticator', deciding, knownOptions)
}

/**
 * The names under which identities of an issuer are known: its first one. Issuers that were
 * configured apart may share one name and be known under several.
 */
function toIssuerNames(issuers: readonly Issuer<unknown>[]): (issuer: string) => readonly string[] {
  const names = new Map<string, Set<string>>()
  for (const { issuers: all } of issuers) {
    for (const name of all) names.set(name, (names.get(name) ?? new Set()).add(all[0] ?? name))
  }
  return (name) => [...(names.get(name) ?? [name])]
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) work()
    isDone = true
  }
}

function tellNotShared(onEvent: unknown, report: Context['report']): void {
  report({ type: 'revocation_not_shared' })
  if (onEvent !== undefined) return
  // oxlint-disable-next-line no-console -- the one log that every web runtime has
  console.warn('Onbehalf: without a shared `revocations` store, revoke holds in this process only')
}

function both(one: Context['report'], other: Context['report']): Context['report'] {
  return (event) => {
    one(event)
    other(event)
  }
}

function keepTokens(known: KnownTokens, credentials: Credentials): void {
  for (const header of credentials.present) {
    const credential = credentials.token(header)
    const hash = credential?.hash()
    if (credential?.token && typeof hash === 'string') known.keep(hash, credential.token)
  }
}

function toSources(sources: readonly AnySource[]): readonly AnySource[] {
  const valid =
    Array.isArray(sources) && sources.every((source) => typeof source?.identify === 'function')
  if (!valid) throw new TypeError('sources must hold sources')
  if (sources.length === 0) throw new TypeError('sources must not be empty')
  return [...sources]
}

function assertFunction(value: unknown, option: string): void {
  if (typeof value !== 'function') throw new TypeError(`${option} must be a function`)
}

async function loadOf(issuer: Issuer<unknown>, report: Context['report']): Promise<void> {
  try {
    await issuer.ready(report)
  } catch (thrown) {
    throw withFailure(thrown, named(issuer))
  }
}

/** Whatever fails inside leaves as one of the closed list. */
async function closed(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    throw asIdentityError(thrown)
  }
}

function toHeaders(
  sources: readonly AnySource[],
  confirmations: readonly Confirmation[],
): CredentialHeaders {
  const issuers = sources.flatMap((source) => source.issuers)
  return {
    tokens: new Set(sources.flatMap((source) => source.tokenHeaders)),
    values: new Set(sources.flatMap((source) => source.valueHeaders)),
    proofs: new Set(confirmations.flatMap((confirmation) => confirmation.headers)),
    opaque: issuers.some((issuer) => issuer.opaque),
    parsing: {
      maxBytes: Math.max(maxTokenLength, ...issuers.map((issuer) => issuer.maxTokenBytes ?? 0)),
      ignoreKeyHeaders: issuers.some((issuer) => issuer.ignoresKeyHeaders === true),
    },
  }
}

/** Scopes that a token in `Authorization` always needs. */
function requiredScopes(sources: readonly AnySource[]): readonly string[] {
  const issuers = sources.flatMap((source) => source.authorizationIssuer ?? [])
  return [...new Set(issuers.flatMap((issuer) => issuer.scopes))]
}

interface Published {
  readonly resource: string
  readonly sources: readonly AnySource[]
  readonly confirmations: readonly Confirmation[]
  readonly supported: readonly string[]
}

function createMetadata({
  resource,
  sources,
  confirmations,
  supported,
}: Published): ProtectedResourceMetadata {
  const issuers = sources.flatMap((source) => source.authorizationIssuer ?? [])
  const servers = new Set(
    issuers.flatMap(
      (issuer) => issuer.authorizationServers ?? toServers(undefined, issuer.issuers),
    ),
  )
  const scopes = new Set([...requiredScopes(sources), ...supported])
  return Object.freeze({
    resource,
    ...(servers.size > 0 && { authorization_servers: Object.freeze([...servers]) }),
    ...(scopes.size > 0 && { scopes_supported: Object.freeze([...scopes]) }),
    bearer_methods_supported: Object.freeze(['header'] as const),
    ...confirmations.reduce((all, { metadata }) => ({ ...all, ...metadata }), {}),
  })
}
