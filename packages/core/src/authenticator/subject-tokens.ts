import type { Revocable } from '../context.ts'
import type { Credential, Credentials } from '../credentials/credentials.ts'
import { type Claims, copyIdentity, type Identity, type SourceKind } from '../identity.ts'
import { readClock } from '../internal/options.ts'
import type { AnySource } from '../sources/source.ts'

/** What calling other APIs as the subject needs of an authenticator. */
export interface SubjectTokens {
  /** Resource identifier of this server. */
  readonly resource: string
  /** Kinds of its sources, and whether the identities of each have a token of their subject. */
  readonly sources: readonly { readonly kind: SourceKind; readonly carriesToken: boolean }[]
  /** Seconds since 1970, by the clock of the authenticator. */
  now(): number
  /**
   * What this very identity was made of. Undefined for a copy of it, and for one that this
   * authenticator did not make.
   */
  of(identity: Identity<unknown>): SubjectCredential | undefined
  /**
   * @returns a promise only where there is something to wait for
   * @throws IdentityError `TOK` when revoked, `DOWN` when that cannot be known
   */
  checkRevoked(revocable: Revocable): Promise<void> | undefined
}

/** The credential that an identity was made of. */
export interface SubjectCredential {
  /** The subject's own token; undefined where none arrived. */
  readonly token: string | undefined
  /** What {@link SubjectTokens.checkRevoked} compares. */
  readonly revocable: Revocable
}

/** What an authenticator does with the tokens of subjects. */
export interface SubjectTokenKeeper {
  /** Whether they are kept by now. */
  readonly isKept: boolean
  /** Binds the subject's token to the identity of one request. */
  bind<C>(identity: Identity<C>, source: AnySource, read: () => Credentials): Identity<C>
  /** Lets {@link keepSubjectTokens} begin to keep them. */
  offer<A extends object>(authenticator: A): A
}

interface Kept extends SubjectCredential {
  readonly by: object
}

const keepers = new WeakMap<object, () => SubjectTokens>()
// No member of the identity: no handler, copy, record or error shows the token. It is gone with the
// copy of the identity that was made for one request.
const kept = new WeakMap<object, Kept>()

/**
 * From now on an authenticator keeps the token of each request's subject, for the life of its
 * identity. Until this is called, it keeps none.
 *
 * @throws TypeError when it was not made by `createAuthenticator`
 */
export function keepSubjectTokens(authenticator: object): SubjectTokens {
  const keep = keepers.get(authenticator)
  if (keep === undefined) throw new TypeError('authenticator must be made by createAuthenticator')
  return keep()
}

/** Whether APIs may be called on behalf of this very identity. */
export function isSubjectTokenKept(identity: object): boolean {
  return kept.has(identity)
}

/** An identity that was derived from another one is the same subject's, of the same request. */
export function passOnSubjectToken<I extends object>(from: object, to: I): I {
  const entry = kept.get(from)
  if (entry !== undefined) kept.set(to, entry)
  return to
}

export interface SubjectTokenParts extends Pick<SubjectTokens, 'resource' | 'checkRevoked'> {
  readonly sources: readonly AnySource[]
  readonly clock: () => number
}

/** What an authenticator does with the tokens of subjects: nothing, until they are asked for. */
export function createSubjectTokens({
  sources,
  clock,
  ...parts
}: SubjectTokenParts): SubjectTokenKeeper {
  const by = {}
  const tokens: SubjectTokens = Object.freeze({
    ...parts,
    sources: sources.map(({ kind, subjectHeader }) => ({
      kind,
      carriesToken: subjectHeader !== undefined,
    })),
    now: () => readClock(clock),
    of: (identity: Identity<unknown>) => {
      const entry = kept.get(identity)
      return entry?.by === by ? entry : undefined
    },
  })
  const keeper = {
    isKept: false,
    bind: <C>(identity: Identity<C>, { subjectHeader }: AnySource, read: () => Credentials) => {
      const credential = subjectHeader ? read().token(subjectHeader) : undefined
      const token = credential?.text
      const revocable = toRevocable(identity, credential)
      // A copy: requests with the same credentials may share an identity, which outlives them.
      const own = copyIdentity(identity)
      kept.set(own, { by, token, revocable })
      return own
    },
    offer: <A extends object>(authenticator: A) => {
      keepers.set(authenticator, () => {
        keeper.isKept = true
        return tokens
      })
      return authenticator
    },
  }
  return keeper
}

/** The claims as the issuer signed them: a schema may have made something else of them. */
function toRevocable(identity: Identity<unknown>, credential: Credential | undefined): Revocable {
  const { issuer, subject, tokenId } = identity
  const { iat, ...rest } = Object(credential?.token?.claims ?? identity.claims) as Claims
  // Without the subject's token, nobody knows when they signed in.
  const claims = credential === undefined ? rest : { ...rest, iat }
  return { issuer, subject, tokenId, claims }
}
