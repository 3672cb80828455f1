import type { Context } from '../context.ts'
import type { Credential, Credentials } from '../credentials/credentials.ts'
import { withFailure } from '../errors.ts'
import {
  buildIdentity,
  type Claims,
  type Gateway,
  type Identity,
  type SourceKind,
} from '../identity.ts'
import { asText } from '../internal/values.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { VerifiedToken } from '../issuer/verified-token.ts'
import type { RefusalReason } from '../reasons.ts'
import { noteIssuedFor } from '../resources/at-resource.ts'

/**
 * One place where an identity may come from, with its rule. Made by `direct`, `forwarded`,
 * `enriched`, `signedHeader` and `plainHeaders`.
 */
export interface Source<C = Claims> {
  readonly kind: SourceKind
  /** Headers that carry a token, in lower case. */
  readonly tokenHeaders: readonly string[]
  /** Headers that carry a plain value, in lower case. */
  readonly valueHeaders: readonly string[]
  /** Issuers whose tokens this source reads. */
  readonly issuers: readonly Issuer<unknown>[]
  /** The one that issues what `Authorization` carries: clients are sent there for a token. */
  readonly authorizationIssuer: Issuer<unknown> | undefined
  /**
   * The one of its token headers whose token is the subject's own, which other tokens can be obtained
   * for. Absent where no such token arrives.
   */
  readonly subjectHeader?: string
  /** Whether this source decides: all its headers are present, from issuers it knows. */
  applies(credentials: Credentials): boolean
  /** Why it does not apply although a part of what it needs is there. */
  missing?(credentials: Credentials): RefusalReason | undefined
  /** @throws IdentityError */
  identify(credentials: Credentials, context: Context): Promise<Identity<C>>
}

/**
 * A source of whatever claims. `Source<unknown>` in its place would lend its `unknown` to a source
 * that is written inside a list of sources.
 */
export interface AnySource extends Omit<Source, 'identify'> {
  identify(credentials: Credentials, context: Context): Promise<object>
}

const samples = new WeakMap<object, string>()

/** Notes what a credential of a source looks like, where its text says whose it is. */
export function noteSample<S extends AnySource>(source: S, text: string): S {
  samples.set(source, text)
  return source
}

/** A credential that a source would take, if its text alone says so. */
export function sampleOf(source: AnySource): Credential | undefined {
  const text = samples.get(source)
  const [header = ''] = source.tokenHeaders
  if (text === undefined) return undefined
  return { header, scheme: 'bearer', text, token: undefined, hash: () => '' }
}

/** @throws TypeError when what has to be an issuer is none */
export function assertIssuer(issuer: Issuer<unknown>, option: string): void {
  if (typeof issuer?.verify !== 'function') throw new TypeError(`${option} is required`)
}

/**
 * Verifies a credential; a refusal says which one it was, and by whose rules.
 *
 * @throws IdentityError
 */
export async function verifyBy<C>(
  issuer: Issuer<C>,
  credential: Credential,
  context: Context,
): Promise<VerifiedToken<C>> {
  try {
    return await issuer.verify(credential, context)
  } catch (thrown) {
    throw withFailure(thrown, { header: credential.header, ...named(issuer) })
  }
}

/** How an issuer is known to its operator. */
export function named({ issuers: [issuer] }: Issuer<unknown>): { readonly issuer?: string } {
  return issuer === undefined ? {} : { issuer }
}

/** Whether a header carries a token that names (so far without proof) one of these issuers. */
export function namesIssuer(
  credentials: Credentials,
  header: string,
  issuers: readonly Issuer<unknown>[],
): boolean {
  const credential = credentials.token(header)
  return credential !== undefined && issuers.some((issuer) => issuer.recognizes(credential))
}

/** Where an identity came from, besides the token that names its subject. */
export interface Provenance {
  readonly source: SourceKind
  readonly gateway?: Gateway
  /** Expiry of a further credential that was used, in seconds since 1970. */
  readonly until?: number
  /** Whether it is a gateway without a user, accepted for listing. */
  readonly gatewayMayList?: boolean
}

/** The identity in a verified token. */
export function toIdentity<C>(token: VerifiedToken<C>, provenance: Provenance): Identity<C> {
  const { source, gateway, until = Number.POSITIVE_INFINITY, gatewayMayList = false } = provenance
  if (asText(token.subject) === undefined || asText(token.issuer) === undefined) {
    throw new TypeError('An issuer verified a token that names nobody')
  }
  const parts = {
    kind: token.kind,
    issuer: token.issuer,
    subject: token.subject,
    organizations: token.organizations,
    scopes: token.scopes,
    roles: token.roles,
    source,
    expiresAt: Math.min(token.expiresAt, until),
    claims: token.claims,
    organization: token.organization,
    actor: token.actor,
    client: token.client,
    gateway,
    tokenId: token.tokenId,
    tokenHash: token.tokenHash,
  }
  return noteIssuedFor(buildIdentity<C>(parts, gatewayMayList), token.isIssuedForResource)
}
