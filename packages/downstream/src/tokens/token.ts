import type { Revocable } from '@onbehalf/core'

/** A token for an API, as it is kept. */
export interface ApiToken {
  readonly text: string
  readonly scopes: readonly string[]
  /** Seconds since 1970. */
  readonly expiresAt: number
  /** Until when it is used: shortly before it expires. */
  readonly usableUntil: number
  /** Id (`jti`) of the token, where it shows one. */
  readonly tokenId: string | undefined
  /** Id of the subject's token that it was obtained with. */
  readonly subjectTokenId: string | undefined
  /** The subject's credential, of which a revocation covers this token too. Absent for the server's own. */
  readonly origin: Revocable | undefined
}
