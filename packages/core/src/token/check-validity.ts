import { IdentityError, type RefusalDetail } from '../errors.ts'
import { type JsonObject, memberOf } from './parse-json.ts'

/** When a token is looked at. */
export interface ValidityOptions {
  /** Seconds since 1970. */
  readonly now: number
  /** Tolerated difference between clocks, in seconds. */
  readonly skewSeconds: number
}

/**
 * Checks `exp` and `nbf` where they are present (RFC 7519 section 4.1): a token is good from
 * `nbf - skew` to just before `exp + skew`.
 *
 * Does NOT require the claims and does NOT bound the lifetime: an issuer does.
 *
 * @throws IdentityError `TOK`
 */
export function checkValidity(claims: JsonObject, options: ValidityOptions): void {
  const expires = readTime(claims, 'exp')
  // Asked for what must hold: a clock that shows no time (NaN) compares false and refuses.
  if (expires !== undefined && !(options.now < expires + options.skewSeconds)) {
    throw refused('expired', { claim: 'exp' })
  }
  const starts = readTime(claims, 'nbf')
  if (starts !== undefined && !(starts - options.skewSeconds <= options.now)) {
    throw refused('not_yet_valid', { claim: 'nbf' })
  }
}

/**
 * Reads a NumericDate (RFC 7519 section 2): a finite, positive number of seconds since 1970;
 * `nbf` may be 0.
 *
 * @throws IdentityError `TOK`
 */
export function readTime(claims: JsonObject, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = memberOf(claims, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw refused(`bad_${name}`, { claim: name })
  // `nbf: 0` is how some libraries write "from the beginning".
  if (value < 0 || (value === 0 && name !== 'nbf')) throw refused(`bad_${name}`, { claim: name })
  return value
}

function refused(reason: string, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('TOK', { reason, failure })
}
