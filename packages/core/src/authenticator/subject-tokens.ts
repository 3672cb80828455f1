import type { Revocable } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { copyIdentity, type Identity, type SourceKind } from '../identity.ts'
import { readClock } from '../internal/callbacks.ts'
import type { AnySource } from '../sources/source.ts'

/** What calling other APIs as the subject needs of an authenticator. */
export interface SubjectTokens {
  /** Resource identifier of this server. */
  readonly resource: string
  /** Kinds of its sources, and whether the identities of each have a token of their subject. */
  readonly sources: readonly { readonly kind: SourceKind; readonly carriesToken: boolean }[]
  /** Seconds since 1970, by the clock of the authenticator. */
  now(): number
  /** The token with which the subject of this very identity called; undefined for a copy of it. */
  of(identity: Identity<unknown>): string | undefined
  /**
   * @returns a promise only where there is something to wait for
   * @throws IdentityError `TOK` when revoked, `DOWN` when that cannot be known
   */
  checkRevoked(revocable: Revocable): Promise<void> | undefined
}

/** Binds the subject's token to the identity of one request. */
export type BindSubjectToken = <C>(
  identity: Identity<C>,
  source: AnySource,
  credentials: Credentials,
) => Identity<C>

interface Kept {
  readonly by: object
  readonly token: string
}

const keepers = new WeakMap<object, () => SubjectTokens>()
// No member of the identity: no handler, copy, record or error shows the token. It is gone with the
// identity, which is made for one request.
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
export function createSubjectTokens({ sources, clock, ...parts }: SubjectTokenParts): {
  readonly bind: BindSubjectToken
  /** Lets {@link keepSubjectTokens} begin to keep them. */
  offer<A extends object>(authenticator: A): A
} {
  let isKept = false
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
      return entry?.by === by ? entry.token : undefined
    },
  })
  return {
    bind: (identity, { subjectHeader }, credentials) => {
      if (!isKept || subjectHeader === undefined) return identity
      const token = credentials.token(subjectHeader)?.text
      if (token === undefined) return identity
      // A copy: requests with the same credentials may share an identity, which outlives them.
      const own = copyIdentity(identity)
      kept.set(own, { by, token })
      return own
    },
    offer: (authenticator) => {
      keepers.set(authenticator, () => {
        isKept = true
        return tokens
      })
      return authenticator
    },
  }
}
