import {
  type Authenticator,
  type CredentialRequest,
  IdentityError,
  type IdentityErrorCode,
  isIdentityError,
} from '@onbehalf/core'
import { assertOptions, headerName, isRecord, type OptionNames } from '@onbehalf/core/internal'
import { assertWhole } from './options.ts'

/**
 * Where the address of a client is:
 *
 * - `'socket'`: the connection, on Node. Without a proxy in front.
 * - `{ forwardedFor }`: the so-many-th last entry of `x-forwarded-for`, behind exactly that many proxies
 *   which each append the address that they see. What a client writes there itself stays in front of it.
 * - `{ header }`: a header that the platform sets and that no client can set, such as `cf-connecting-ip`.
 */
export type AddressRule = 'socket' | { readonly forwardedFor: number } | { readonly header: string }

export interface FailureLimitOptions {
  /** How many credentials of one address may be refused, a whole number above 0. */
  readonly attempts: number
  /** In how many seconds, from 1 to 86400. They begin with the first refusal. */
  readonly seconds: number
  /** Where the address of a client is. A rule that does not fit your proxies lets clients choose it. */
  readonly address: AddressRule
  /** Most addresses that are remembered; the oldest is forgotten for a new one. Default: 10000. */
  readonly maxAddresses?: number
  /** Seconds since some moment, by a clock that never goes back. Default: `performance.now`. */
  readonly monotonic?: () => number
}

const known: OptionNames<FailureLimitOptions> = {
  attempts: true,
  seconds: true,
  address: true,
  maxAddresses: true,
  monotonic: true,
}

// Of a credential that was presented and is wrong. Clients without one are asked to sign in, and what
// fails here is not their fault.
const failing: ReadonlySet<IdentityErrorCode> = new Set(['REQ', 'TOK', 'BIND'])

/**
 * An authenticator that answers 429 to an address from which too many refused credentials came, without
 * looking at what it presents. Give it to whatever takes an authenticator: `protectedHandler`, `protect`,
 * and the adapters.
 *
 * It counts in this process, and in bounded memory. IPv6 addresses count by their /64 network. A request
 * whose address is not known is authenticated as always, and not counted.
 *
 * Everybody behind one address is refused together: do not use it if all requests come from a gateway.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * const handler = protectedHandler(createMcpHandler, createServer, {
 *   authenticator: limitFailures(authenticator, { attempts: 20, seconds: 60, address: 'socket' }),
 * })
 * ```
 */
export function limitFailures<C>(
  authenticator: Authenticator<C>,
  options: FailureLimitOptions,
): Authenticator<C> {
  assertOptions('limitFailures', options, known)
  const { attempts, seconds, maxAddresses = 10_000 } = options
  assertWhole({ attempts })
  assertWhole({ seconds }, 86_400)
  assertWhole({ maxAddresses })
  const addressOf = toAddressOf(options.address)
  const failures = new Failures({ ...options, attempts, seconds, maxAddresses })
  const authenticate: Authenticator<C>['authenticate'] = async (request, more) => {
    const address = addressOf(request)
    if (address === undefined) return authenticator.authenticate(request, more)
    const wait = failures.waitOf(address)
    if (wait > 0) {
      const reason = 'too_many_failures'
      const requestId = crypto.randomUUID()
      more?.onEvent?.({ type: 'refused', code: 'LIMIT', reason, requestId })
      throw new IdentityError('LIMIT', { reason, retryAfterSeconds: wait, requestId })
    }
    try {
      return await authenticator.authenticate(request, more)
    } catch (error) {
      if (isIdentityError(error) && failing.has(error.code)) failures.add(address)
      throw error
    }
  }
  return Object.freeze({ ...authenticator, authenticate })
}

interface Failed {
  count: number
  readonly until: number
}

class Failures {
  readonly #attempts: number
  readonly #seconds: number
  readonly #maxAddresses: number
  readonly #now: () => number
  // In the order in which their seconds began, which is that in which they end.
  readonly #failed = new Map<string, Failed>()

  constructor(options: FailureLimitOptions & { readonly maxAddresses: number }) {
    this.#attempts = options.attempts
    this.#seconds = options.seconds
    this.#maxAddresses = options.maxAddresses
    this.#now = options.monotonic ?? (() => performance.now() / 1000)
  }

  /** Seconds for which an address is refused. */
  waitOf(address: string): number {
    const { count, until } = this.#failed.get(address) ?? { count: 0, until: 0 }
    return count >= this.#attempts ? Math.max(0, until - this.#now()) : 0
  }

  add(address: string): void {
    const known = this.#failed.get(address)
    if (known !== undefined && known.until > this.#now()) {
      known.count += 1
      return
    }
    this.#failed.delete(address)
    this.#makeRoom()
    this.#failed.set(address, { count: 1, until: this.#now() + this.#seconds })
  }

  #makeRoom(): void {
    for (const [address, { until }] of this.#failed) {
      if (until > this.#now() && this.#failed.size < this.#maxAddresses) return
      this.#failed.delete(address)
    }
  }
}

type AddressOf = (request: CredentialRequest) => string | undefined

/** @throws TypeError for anything but a rule */
function toAddressOf(rule: AddressRule): AddressOf {
  if (rule === 'socket') return ({ address }) => networkOf(address)
  if (isRecord(rule) && 'forwardedFor' in rule) {
    assertOptions('address', rule, { forwardedFor: true })
    assertWhole({ forwardedFor: rule.forwardedFor }, 10)
    return (request) => networkOf(entriesOf(request, 'x-forwarded-for').at(-rule.forwardedFor))
  }
  if (isRecord(rule) && 'header' in rule) {
    assertOptions('address', rule, { header: true })
    const name = headerName(rule.header, 'address.header')
    return (request) => networkOf(entriesOf(request, name).at(-1))
  }
  throw new TypeError("address must be 'socket', { forwardedFor } or { header }")
}

/** The entries of a header, over all of its lines. */
function entriesOf({ headers }: CredentialRequest, name: string): readonly string[] {
  const found = isHeaders(headers) ? headers.get(name) : headers?.[name]
  const lines: readonly unknown[] = Array.isArray(found) ? found : [found]
  return lines.flatMap((line) => (typeof line === 'string' ? line.split(',') : []))
}

/** By its shape: frameworks bring their own classes. */
function isHeaders(headers: CredentialRequest['headers']): headers is Headers {
  return typeof headers?.get === 'function'
}

/** The address without a port, or of IPv6 the network that one client has to itself. */
function networkOf(entry: string | undefined): string | undefined {
  const [, address = ''] = /^\s*(?:::ffff:)?(\d+(?:\.\d+){3})(?::\d+)?\s*$/i.exec(entry ?? '') ?? []
  if (address !== '') return address
  const [, six = ''] = /^\s*\[?([0-9a-f:.]{2,45})(?:%\w+)?(?:\]:?\d*)?\s*$/i.exec(entry ?? '') ?? []
  return URL.canParse(`http://[${six}]`)
    ? firstHalf(new URL(`http://[${six}]`).hostname)
    : undefined
}

/** The first 64 bits of an address as `URL` writes it: in brackets, lower case, zeros left out. */
function firstHalf(hostname: string): string {
  const [left = '', right] = hostname.slice(1, -1).split('::')
  const [head, tail] = [left, right ?? ''].map((part) => part.split(':').filter(Boolean))
  const zeros = right === undefined ? 0 : 8 - (head?.length ?? 0) - (tail?.length ?? 0)
  const groups = [...(head ?? []), ...Array.from({ length: zeros }, () => '0'), ...(tail ?? [])]
  return `${groups.slice(0, 4).join(':')}::/64`
}
