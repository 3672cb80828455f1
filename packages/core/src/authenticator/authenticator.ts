import type { AuditTrail } from '../audit.ts'
import type { AuthenticatorEvent, Context } from '../context.ts'
import type { CredentialRequest } from '../credentials/header-lines.ts'
import { asIdentityError, withFailure } from '../errors.ts'
import type { Claims, Identity, SourceKind } from '../identity.ts'
import {
  assertOptions,
  type OneOrMore,
  type OptionNames,
  readClock,
  systemTime,
  toList,
  toObserver,
} from '../internal/options.ts'
import type { Awaitable } from '../internal/promises.ts'
import type { Issuer } from '../issuer/issuer.ts'
import { type Confirmation, toConfirmations } from '../proof-of-possession/confirmation.ts'
import {
  type ProtectedResourceMetadata,
  type ResourceDescription,
  resourceMetadataUrl,
} from '../refusal/metadata.ts'
import { type ResourceOf, type Resources, toResources } from '../resources/resources.ts'
import {
  assertRevocation,
  createRevocations,
  type Revocation,
  type RevocationStore,
} from '../revocation/revocation.ts'
import { type AnySource, named, type Source } from '../sources/source.ts'
import type { CacheLimits } from '../verdicts/verdict-cache.ts'
import { toCacheLimits, Verdicts } from '../verdicts/verdicts.ts'
import { assertReachable } from './assert-reachable.ts'
import {
  type AuthenticateNow,
  type AuthenticateOptions,
  createAuthenticate,
} from './authenticate.ts'
import {
  createMetadata,
  namesOfHeaders,
  requiredScopes,
  toHeaders,
  toIssuerNames,
} from './from-sources.ts'
import { createSubjectTokens } from './subject-tokens.ts'
import { tellInsecure, tellNotShared } from './warnings.ts'

export interface AuthenticatorOptions<S extends readonly AnySource[]> {
  /**
   * Identifier of this server (RFC 8707): its public URL. Stated, never taken from a request.
   *
   * A URL with `{organization}` as one segment of its path is one resource for each organization, and a
   * list is several. Then the path of a request, and nothing else of it, says which one it is for: its
   * metadata and challenges are that resource's, and an `audience` that is one of the resources counts at
   * its own path alone. The path has to arrive as clients send it. An organization is 1 to 128 letters,
   * digits, `.`, `_`, `~` or `-`; all else is refused.
   */
  readonly resource: OneOrMore<string>
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
  /** Name, documentation and policies of this server, published in the metadata. Default: nothing. */
  readonly about?: ResourceDescription
  /**
   * Keeps what is revoked. Give all processes that serve the resource one shared store: a
   * `memoryStore`, and the default, hold a revocation in this process only, and forget it with it.
   */
  readonly revocations?: RevocationStore
  /**
   * How many verified credentials are known, so that a call with one of them costs a digest and no
   * signature: the most entries, and the most bytes that they may take up. Of each only the digest and
   * the identity are kept. Every call still checks the time, revocations, that the issuer has not
   * withdrawn the key, and proofs of possession. `null` verifies everything every time. Default:
   * 50000 entries, and 192 MiB, which those take up with tokens of 1 kB.
   */
  readonly cache?: CacheLimits | null
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

/** Turns the credentials of a request into an identity. Made by {@link createAuthenticator}. */
export interface Authenticator<C = Claims> {
  /** Identifier of this server; of several, the first as it was stated. */
  readonly resource: string
  /**
   * Which resource a request is for, by the path of its URL; undefined for a path that none has. Absent
   * where the server has one.
   */
  readonly resourceOf?: ResourceOf
  /** The trail that it was given. */
  readonly audit: AuditTrail | undefined
  /** Where {@link metadata} is published (RFC 9728 section 3.1); each of several has its own. */
  readonly resourceMetadataUrl: string
  readonly metadata: ProtectedResourceMetadata
  /** Kinds of its sources, in the order in which they are tried. */
  readonly sourceKinds: readonly SourceKind[]
  /**
   * Names of all headers that it reads, in lower case: what a proxy must let through, and a CORS
   * preflight allow.
   */
  readonly credentialHeaders: readonly string[]
  /** Scopes that every token needs, for challenges. */
  readonly scopes: readonly string[]
  /**
   * The identity on whose behalf a request runs.
   *
   * @throws IdentityError and nothing else
   */
  authenticate(request: CredentialRequest, options?: AuthenticateOptions): Promise<Identity<C>>
  /**
   * Loads the keys of every issuer: for start-up and health checks. Of issuers that are looked up at run
   * time, those that are held by now; with names (exact `iss`), those alone that are named.
   *
   * @throws IdentityError `DOWN`
   * @throws TypeError for a name that none of its issuers has
   */
  ready(issuers?: OneOrMore<string>): Promise<void>
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
  const { audit, clock = systemTime, onEvent, about = {} } = options
  const resources = toResources(options.resource)
  const [resource] = resources.stated
  assertFunction(clock, 'clock')
  if (onEvent !== undefined) assertFunction(onEvent, 'onEvent')
  if (audit !== undefined) assertFunction(audit['refusal'], 'audit.refusal')
  const sources = toSources(options.sources)
  assertReachable(sources)
  const { revocations: store } = options
  const confirmations = toConfirmations(options.confirmations)
  const supported = toList(options.scopesSupported, 'scopesSupported') ?? []
  const headers = toHeaders(sources, confirmations)
  const issuers = [...new Set(sources.flatMap((source) => source.issuers))]
  assertAuthenticatorOptions(options)
  assertTemplates(issuers, resources)
  const namesOf = toIssuerNames(issuers)
  const maxLifetimeSeconds = Math.max(0, ...issuers.map((issuer) => issuer.maxLifetimeSeconds))
  const revocations = createRevocations({ store, maxLifetimeSeconds, namesOf })
  const report = toObserver(onEvent)
  const tell = { report, isObserved: onEvent !== undefined }
  const warnNotShared = store === undefined ? once(() => tellNotShared(tell)) : undefined
  tellInsecure(issuers, tell)
  const { check: checkRevoked } = revocations
  const subjectTokens = createSubjectTokens({ resource, sources, clock, checkRevoked })
  const authenticateNow = createAuthenticate<ClaimsOf<S>>({
    resources,
    sources,
    headers,
    confirmations,
    namesOf,
    clock,
    audit,
    report,
    checkRevoked,
    subjectTokens,
    verdicts: new Verdicts(toCacheLimits(options.cache), headers),
  })

  const authenticator: Authenticator<ClaimsOf<S>> = Object.freeze({
    resource,
    ...resourceFinder(resources),
    audit,
    resourceMetadataUrl: resourceMetadataUrl(resource),
    scopes: requiredScopes(sources),
    metadata: createMetadata({ resource, sources, confirmations, supported, about }),
    sourceKinds: Object.freeze(sources.map(({ kind }) => kind)),
    credentialHeaders: namesOfHeaders(headers),
    // Whatever fails rejects.
    authenticate: async (request: CredentialRequest, more?: AuthenticateOptions) =>
      authenticateNow(request, more),
    ready: async (names?: OneOrMore<string>) => {
      const asked = toList(names, 'issuers')
      const found = asked === undefined ? issuers : await withNames(asked, issuers)
      await closed(async () => {
        await Promise.all([revocations.ready(), ...found.map((it) => loadOf(it, report))])
      })
    },
    revoke: async (revocation: Revocation) => {
      assertRevocation(revocation)
      warnNotShared?.()
      await closed(() => revocations.revoke(revocation, readClock(clock)))
    },
  })
  immediate.set(authenticator, authenticateNow)
  return subjectTokens.offer(authenticator)
}

function resourceFinder({ find }: Resources): Pick<Authenticator, 'resourceOf'> {
  return find === undefined ? {} : { resourceOf: ({ url }) => find(url)?.resource }
}

/** An audience with a placeholder that no resource has would never be that of a token. */
function assertTemplates(issuers: readonly Issuer<unknown>[], { stated }: Resources): void {
  const audiences = issuers.flatMap((issuer) => issuer.audiences ?? [])
  const strange = audiences.find((it) => it.includes('{organization}') && !stated.includes(it))
  if (strange === undefined) return
  throw new TypeError(
    `audience '${strange}' is a template that is not a resource of this server: write it as \`resource\` has it`,
  )
}

const immediate = new WeakMap<object, AuthenticateNow<unknown>>()

/**
 * Authenticates a request without a promise where nothing has to be waited for. Whatever fails rejects,
 * as with {@link Authenticator.authenticate}, which one that was built around another is asked by.
 */
export function authenticateNow<C>(
  authenticator: Authenticator<C>,
  request: CredentialRequest,
  options?: AuthenticateOptions,
): Awaitable<Identity<C>> {
  const now = immediate.get(authenticator) as AuthenticateNow<C> | undefined
  return now ? now(request, options) : authenticator.authenticate(request, options)
}

const knownOptions: OptionNames<Omit<AuthenticatorOptions<[]>, 'audit' | 'onEvent'>> = {
  resource: true,
  sources: true,
  confirmations: true,
  scopesSupported: true,
  about: true,
  revocations: true,
  cache: true,
  clock: true,
}

/** Observing decides nothing: a trail or a callback may be there and undefined. */
function assertAuthenticatorOptions(options: AuthenticatorOptions<readonly AnySource[]>): void {
  const { audit: _audit, onEvent: _onEvent, ...deciding } = options
  assertOptions('createAuthenticator', deciding, knownOptions)
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) work()
    isDone = true
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

async function withNames(
  names: readonly string[],
  issuers: readonly Issuer<unknown>[],
): Promise<readonly Issuer<unknown>[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      for (const one of issuers) {
        if (one.issuers.includes(name)) return one
        const member = await one.family?.find(name)
        if (member !== undefined) return member
      }
      throw new TypeError('issuers must be names of issuers of this authenticator')
    }),
  )
  return [...new Set(found)]
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
