import type { CredentialHeaders } from '../credentials/header-lines.ts'
import { toServers } from '../issuer/authorization-servers.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { Confirmation } from '../proof-of-possession/confirmation.ts'
import {
  describeResource,
  type ProtectedResourceMetadata,
  type ResourceDescription,
} from '../refusal/metadata.ts'
import type { AnySource } from '../sources/source.ts'
import { maxTokenLength } from '../token/parse-token.ts'

/** The headers to read. */
export function toHeaders(
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

/** Their names, each once. */
export function namesOfHeaders({ tokens, values, proofs }: CredentialHeaders): readonly string[] {
  return Object.freeze([...new Set([...tokens, ...values, ...proofs])])
}

/**
 * The names under which identities of an issuer are known: its first one. Issuers that were
 * configured apart may share one name and be known under several.
 */
export function toIssuerNames(
  issuers: readonly Issuer<unknown>[],
): (issuer: string) => readonly string[] {
  const names = new Map<string, Set<string>>()
  for (const { issuers: all } of issuers) {
    for (const name of all) names.set(name, (names.get(name) ?? new Set()).add(all[0] ?? name))
  }
  const families = issuers.flatMap(({ family }) => family ?? [])
  const ofFamilies = (name: string): readonly string[] =>
    families.flatMap((family) => family.nameOf(name) ?? [])
  return (name) => {
    const known = names.get(name) ?? (families.length === 0 ? undefined : ofFamilies(name))
    const all = new Set(known)
    return all.size === 0 ? [name] : [...all]
  }
}

/** Scopes that a token in `Authorization` always needs. */
export function requiredScopes(sources: readonly AnySource[]): readonly string[] {
  const issuers = sources.flatMap((source) => source.authorizationIssuer ?? [])
  return [...new Set(issuers.flatMap((issuer) => issuer.scopes))]
}

interface Published {
  readonly resource: string
  readonly sources: readonly AnySource[]
  readonly confirmations: readonly Confirmation[]
  readonly supported: readonly string[]
  readonly about: ResourceDescription
}

/** What the resource publishes (RFC 9728 section 2). */
export function createMetadata({
  resource,
  sources,
  confirmations,
  supported,
  about,
}: Published): ProtectedResourceMetadata {
  const issuers = sources.flatMap((source) => source.authorizationIssuer ?? [])
  const servers = new Set(
    issuers.flatMap((issuer) => issuer.authorizationServers ?? toServers({}, issuer.issuers)),
  )
  const scopes = new Set([...requiredScopes(sources), ...supported])
  return Object.freeze({
    resource,
    ...describeResource(about),
    ...(servers.size > 0 && { authorization_servers: Object.freeze([...servers]) }),
    ...(scopes.size > 0 && { scopes_supported: Object.freeze([...scopes]) }),
    bearer_methods_supported: Object.freeze(['header'] as const),
    ...confirmations.reduce((all, { metadata }) => ({ ...all, ...metadata }), {}),
  })
}
