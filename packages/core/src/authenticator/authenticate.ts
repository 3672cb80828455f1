import type { AuditTrail } from '../audit.ts'
import type { AuthenticatorEvent, Context } from '../context.ts'
import {
  type Credential,
  type Credentials,
  KnownTokens,
  readCredentials,
} from '../credentials/credentials.ts'
import type { CredentialHeaders, CredentialRequest } from '../credentials/header-lines.ts'
import { IdentityError, type RefusalDetail } from '../errors.ts'
import type { Identity } from '../identity.ts'
import { readClock } from '../internal/callbacks.ts'
import { type Confirmation, confirmAll } from '../proof-of-possession/confirmation.ts'
import type { AnySource } from '../sources/source.ts'
import { recordRefusal, toRefusal } from './record-refusal.ts'
import type { BindSubjectToken } from './subject-tokens.ts'

/** Who else is notified about one request, beside what the authenticator was given. */
export interface AuthenticateOptions {
  /** Records a refusal, unless the authenticator has its own trail. */
  readonly audit?: AuditTrail | undefined
  /** The caller serves requests without a credential: these are neither reported nor recorded. */
  readonly acceptsGuests?: boolean
  /** Called with every event of this request. It must not throw. */
  readonly onEvent?: ((event: AuthenticatorEvent) => void) | undefined
}

/** What every request of one authenticator is judged by. */
export interface AuthenticationSettings {
  readonly resource: string
  readonly sources: readonly AnySource[]
  readonly headers: CredentialHeaders
  readonly confirmations: readonly Confirmation[]
  readonly checkRevoked: Context['checkRevoked']
  readonly bindToken: BindSubjectToken
  /** The names under which identities of an issuer are known. */
  readonly namesOf: (issuer: string) => readonly string[]
  readonly clock: () => number
  readonly audit: AuditTrail | undefined
  readonly report: Context['report']
}

/** Builds the way of a request: its credentials are read, one source is chosen, and it decides. */
export function createAuthenticate<C>(
  settings: AuthenticationSettings,
): (request: CredentialRequest, options?: AuthenticateOptions) => Promise<Identity<C>> {
  const { sources, headers, audit, report, bindToken } = settings
  const known = new KnownTokens()

  return async (request, more = {}) => {
    let credentials: Credentials | undefined
    let source: AnySource | undefined
    const tell = more.onEvent === undefined ? report : both(report, more.onEvent)
    try {
      credentials = readCredentials(request, headers, known)
      source = chooseSource(sources, credentials)
      const context = createContext(request, credentials, { ...settings, report: tell })
      const identity = (await source.identify(credentials, context)) as Identity<C>
      if (identity?.principal === undefined) throw new TypeError('A source returned no identity')
      tell({ type: 'accepted', source: source.kind })
      keepTokens(known, credentials)
      return bindToken(identity, source, credentials)
    } catch (thrown) {
      const error = toRefusal(thrown, source)
      if (more.acceptsGuests && error.reason === 'no_credential') throw error
      const { code, reason, failure, requestId = '' } = error
      tell({ type: 'refused', code, reason, failure, requestId })
      throw await recordRefusal(audit ?? more.audit, { request, credentials, error })
    }
  }
}

function createContext(
  request: CredentialRequest,
  credentials: Credentials,
  { resource, confirmations, checkRevoked, namesOf, clock, report }: AuthenticationSettings,
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

/**
 * The source that decides about a request: the first that applies.
 *
 * @throws IdentityError `MISSING`, `TOK`
 */
function chooseSource(sources: readonly AnySource[], credentials: Credentials): AnySource {
  const source = sources.find((candidate) => candidate.applies(credentials))
  if (source === undefined) throw explain(sources, credentials)
  const { tokenHeaders, valueHeaders } = source
  // Nothing that was presented is quietly ignored: who decides must have read all of it.
  for (const name of credentials.present) {
    if (tokenHeaders.includes(name) || valueHeaders.includes(name)) continue
    const failure = {
      header: name,
      source: source.kind,
      expected: [...tokenHeaders, ...valueHeaders],
    }
    throw new IdentityError('TOK', { reason: 'credential_not_understood', failure })
  }
  return source
}

/** Why no source applies, as precisely as possible. */
function explain(sources: readonly AnySource[], credentials: Credentials): IdentityError {
  if (credentials.present.size === 0) {
    return new IdentityError('MISSING', { reason: 'no_credential' })
  }
  const understood = sources.filter((source) => source.missing?.(credentials) !== undefined)
  const [first] = understood
  const reason = first?.missing?.(credentials)
  if (first !== undefined && reason !== undefined && onlyKnownHeaders(understood, credentials)) {
    return new IdentityError('MISSING', { reason, failure: lackOf(first, credentials) })
  }
  if (lacksGateway(sources, credentials)) {
    const failure = { role: 'gateway', header: 'authorization' } as const
    return new IdentityError('MISSING', { reason: 'gateway_missing', failure })
  }
  const failure = strangeToken(sources, credentials)
  return new IdentityError('TOK', { reason: 'issuer_unknown', failure })
}

/** The header that a source would have needed as well. */
function lackOf(
  { kind, tokenHeaders, valueHeaders }: AnySource,
  { present }: Credentials,
): RefusalDetail {
  const header = [...tokenHeaders, ...valueHeaders].find((name) => !present.has(name))
  return { role: 'user', source: kind, ...(header !== undefined && { header }) }
}

/** The token that no configured issuer takes for its own, or else the first one. */
function strangeToken(sources: readonly AnySource[], credentials: Credentials): RefusalDetail {
  const issuers = sources.flatMap((source) => source.issuers)
  const tokens = [...credentials.present].flatMap((name) => credentials.token(name) ?? [])
  const isStrange = (token: Credential): boolean => !issuers.some((it) => it.recognizes(token))
  const { header } = tokens.find(isStrange) ?? tokens[0] ?? {}
  const expected = [...new Set(issuers.flatMap((issuer) => issuer.issuers))]
  return { ...(header !== undefined && { header }), expected }
}

/** Whether what was presented counts only beside the credential of a gateway, and there is none. */
function lacksGateway(sources: readonly AnySource[], credentials: Credentials): boolean {
  const { present } = credentials
  // A token in a separate header, such as a proxy's assertion, is a whole credential.
  const isWhole = sources.some(
    ({ tokenHeaders }) =>
      !tokenHeaders.includes('authorization') && tokenHeaders.some((name) => present.has(name)),
  )
  return !present.has('authorization') && !isWhole
}

function onlyKnownHeaders(sources: readonly AnySource[], credentials: Credentials): boolean {
  const known = new Set(
    sources.flatMap((source) => [...source.tokenHeaders, ...source.valueHeaders]),
  )
  return [...credentials.present].every((name) => known.has(name))
}
