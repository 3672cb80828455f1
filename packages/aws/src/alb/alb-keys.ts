import { createPublicKey } from 'node:crypto'
import { IdentityError } from '@onbehalf/core'
import {
  createBudget,
  FetchError,
  type FetchOptions,
  fetchDocument,
  type KeyEvent,
  type KeySet,
  type KeySource,
  parseKeySet,
  type ReportKeyEvent,
  refreshingKeys,
  type VerificationKey,
} from '@onbehalf/core/internal'
import type { AlbAssertion } from './parse-assertion.ts'

/** Checks signatures of load balancers. */
export interface AlbKeys {
  /** @throws IdentityError `TOK` when the key did not sign, `DOWN` when the key cannot be fetched */
  verify(assertion: AlbAssertion, report: ReportKeyEvent): Promise<void>
}

/** Where and how the keys are fetched. */
export interface AlbKeysOptions extends FetchOptions {
  /** Address that a key's id is added to. */
  readonly base: URL
  /** Exact `iss` of the assertions. */
  readonly iss: string
}

interface Entry {
  readonly source: KeySource
  /** Whether the address says that it does not have the key. */
  isGone: boolean
}

const maxAgeSeconds = 3600
const maxKeys = 20
// Anyone may invent key ids: more than these would make this server flood an address of AWS. The
// next free fetch is never further away than a period, so that nobody else waits for long.
const unknownBurst = 100
const unknownPeriodSeconds = 0.1

const monotonic = (): number => performance.now() / 1000

/**
 * The keys of load balancers: each has its own address, and is kept like a key set. It is refreshed ahead of its age, serves while the address fails, and ends when the address denies it.
 *
 * Only a key that has verified a signature is kept. Ids that are not kept share a budget of fetches, which
 * kept ones neither use nor wait for.
 */
export function albKeys(options: AlbKeysOptions): AlbKeys {
  const kept = new Map<string, Entry>()
  const arriving = new Map<string, Entry>()
  const spend = createBudget(unknownBurst, unknownPeriodSeconds, monotonic)

  function createEntry(keyId: string): Entry {
    const load = async (): Promise<KeySet> => {
      try {
        return await fetchKey(keyId, options)
      } catch (error) {
        entry.isGone ||= error instanceof FetchError && isDenial(error.reason)
        throw error
      }
    }
    const entry: Entry = { source: refreshingKeys(load, { maxAgeSeconds }), isGone: false }
    return entry
  }

  function entryOf(keyId: string, report: ReportKeyEvent): Entry {
    const known = kept.get(keyId) ?? arriving.get(keyId)
    if (known !== undefined) return known
    if (!spend()) {
      report({ type: 'key_unknown', lookedAgain: false })
      throw new IdentityError('DOWN', { reason: 'key_budget', retryAfterSeconds: 1 })
    }
    const entry = createEntry(keyId)
    arriving.set(keyId, entry)
    return entry
  }

  function keep(keyId: string, entry: Entry): void {
    // A map keeps the order of insertion: the key that was used longest ago is first.
    kept.delete(keyId)
    kept.set(keyId, entry)
    const [oldest] = kept.keys()
    if (kept.size > maxKeys && oldest !== undefined) kept.delete(oldest)
  }

  async function verify(assertion: AlbAssertion, report: ReportKeyEvent): Promise<void> {
    const { keyId } = assertion
    const entry = entryOf(keyId, report)
    try {
      const key = await findKey(entry, { keyId, iss: options.iss }, report)
      if (!(await key.verify('ES256', assertion.signed, assertion.signature)))
        throw new IdentityError('TOK', { reason: 'signature' })
      keep(keyId, entry)
    } finally {
      if (arriving.get(keyId) === entry) arriving.delete(keyId)
      if (entry.isGone) kept.delete(keyId)
    }
  }

  return { verify }
}

async function findKey(
  entry: Entry,
  { keyId, iss }: { readonly keyId: string; readonly iss: string },
  report: ReportKeyEvent,
): Promise<VerificationKey> {
  const query = { algorithm: 'ES256', keyId, issuer: iss } as const
  try {
    const [key] = await entry.source.find(query, (event) => report(withoutDenial(event)))
    if (key !== undefined && !entry.isGone) return key
  } catch (error) {
    if (!entry.isGone) throw error
  }
  throw new IdentityError('TOK', { reason: 'key_unknown' })
}

// The answer of a bucket for an object that it does not have.
function isDenial(reason: string): boolean {
  return reason === 'status_403' || reason === 'status_404'
}

/** An id without a key is the assertion's fault, not an outage. */
function withoutDenial(event: KeyEvent): KeyEvent {
  if (event.type !== 'keys_failed' || !isDenial(event.reason)) return event
  return { type: 'key_unknown', lookedAgain: true }
}

async function fetchKey(keyId: string, { base, ...options }: AlbKeysOptions): Promise<KeySet> {
  const pem = await fetchDocument(new URL(keyId, base), options, {})
  const jwk = toJwk(new TextDecoder().decode(pem))
  // Bound to ES256, which fits no other curve (RFC 7518 section 3.4).
  const set = jwk && (await parseKeySet({ keys: [{ ...jwk, kid: keyId, alg: 'ES256' }] }))
  if (set === undefined) throw new FetchError('not_a_key')
  return set
}

function toJwk(pem: string): object | undefined {
  // A certificate or a private key would give a public one, too.
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) return undefined
  try {
    return createPublicKey(pem).export({ format: 'jwk' })
  } catch {
    return undefined
  }
}
