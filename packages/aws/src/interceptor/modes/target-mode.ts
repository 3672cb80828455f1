import type { Identity } from '@onbehalf/core'

/** A caller whose token was verified. */
export interface VerifiedCaller {
  readonly user: Identity
  /** The verified token itself: it leaves only in headers and token requests. */
  readonly token: string
  /** Seconds since 1970. */
  readonly now: number
}

/**
 * How the user reaches one target. Made by `forwardInboundToken`, `headers`, `clientMetadata` and
 * `tokenExchange`.
 */
export interface TargetMode {
  /** Names of the headers that it writes on every call, in lower case. */
  readonly writes: readonly string[]
  /** @throws InterceptorRefusal */
  write(caller: VerifiedCaller): Promise<Readonly<Record<string, string>>>
}
