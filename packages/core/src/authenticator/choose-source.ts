import type { Credential, Credentials } from '../credentials/credentials.ts'
import { IdentityError, type RefusalDetail } from '../errors.ts'
import type { AnySource } from '../sources/source.ts'
import type { SourceIndex } from './source-index.ts'

/**
 * The source that decides about a request: the first that applies.
 *
 * @throws IdentityError `MISSING`, `TOK`
 */
export function chooseSource(sources: SourceIndex, credentials: Credentials): AnySource {
  const source = sources.first(credentials)
  if (source === undefined) throw explain(sources.all, credentials)
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
