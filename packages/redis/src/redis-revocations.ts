import {
  assertOptions,
  createMirror,
  type MirrorEntry,
  type MirrorLog,
  type MirrorOptions,
  type MirrorPage,
  mirrorOptions,
  type OptionNames,
  type RedisClient,
  type RevocationMirror,
  type Send,
  toSend,
  unexpected,
} from '@onbehalf/core/internal'

export interface RedisRevocationsOptions extends MirrorOptions {
  /** A connected client of `redis` or `ioredis`, for one server or a cluster. Its owner closes it. */
  readonly client: RedisClient
  /** In front of the one key that is used: the same in all servers that share revocations. */
  readonly prefix: string
}

const known: OptionNames<RedisRevocationsOptions> = {
  client: true,
  prefix: true,
  ...mirrorOptions,
}

/**
 * Revocations of all instances of a server, for `createAuthenticator({ revocations })`: kept in a
 * stream of Redis or Valkey, and followed by each instance four times a second. A check is answered
 * from memory, and a revocation is refused by every instance within a second.
 *
 * The user of Redis needs the rights `+xadd +xrange +xtrim` on `~prefix*`.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { createClient } from 'redis'
 *
 * const client = await createClient({ url: process.env['REDIS_URL'] ?? '' }).connect()
 * const revocations = redisRevocations({ client, prefix: 'invoices:', whenStale: 'refuse' })
 * const sources = [direct({ issuer: people })]
 * const authenticator = createAuthenticator({ resource, sources, revocations })
 * await authenticator.ready()
 * ```
 */
export function redisRevocations(options: RedisRevocationsOptions): RevocationMirror {
  assertOptions('redisRevocations', options, known)
  const { client, prefix, ...mirror } = options
  if (typeof prefix !== 'string' || prefix === '') throw new TypeError('prefix must be a text')
  return createMirror(new RevocationStream(toSend(client), `${prefix}revocations`), mirror)
}

const pageSize = 1000
// Enough to remove more than one append adds.
const trimSize = 100

/** A stream of which only the end counts: its identifiers begin with milliseconds of Redis's clock. */
class RevocationStream implements MirrorLog {
  readonly #send: Send
  readonly #key: string

  constructor(send: Send, key: string) {
    this.#send = send
    this.#key = key
  }

  async append({ key, value, ttlSeconds }: MirrorEntry): Promise<void> {
    const entry = ['key', key, 'value', value, 'ttl', String(ttlSeconds)]
    const id = await this.#send('XADD', this.#key, '*', ...entry)
    if (typeof id !== 'string') throw unexpected('XADD', id)
    await this.#trim(millisecondsOf(id))
  }

  async read(after: string | undefined): Promise<MirrorPage> {
    const found = await this.#range(after === undefined ? '-' : `(${after}`)
    return {
      entries: found.map(({ entry }) => entry),
      cursor: found.at(-1)?.id ?? after,
      hasMore: found.length === pageSize,
    }
  }

  /** Removes what counts no longer, from the beginning to the first entry that does. */
  async #trim(now: number): Promise<void> {
    const oldest = await this.#range('-', trimSize)
    const first = oldest.find(({ id, entry }) => millisecondsOf(id) + entry.ttlSeconds * 1000 > now)
    const from = first?.id ?? oldest.at(-1)?.id
    if (from !== undefined && from !== oldest[0]?.id) {
      await this.#send('XTRIM', this.#key, 'MINID', from)
    }
  }

  async #range(from: string, count = pageSize): Promise<readonly StreamEntry[]> {
    const answer = await this.#send('XRANGE', this.#key, from, '+', 'COUNT', String(count))
    if (!Array.isArray(answer)) throw unexpected('XRANGE', answer)
    return answer.map(toEntry)
  }
}

interface StreamEntry {
  readonly id: string
  readonly entry: MirrorEntry
}

/** @throws Error for anything but a revocation: what it revoked is not known */
function toEntry(item: unknown): StreamEntry {
  const [id, fields] = Array.isArray(item) ? item : []
  const texts: unknown[] = Array.isArray(fields) ? fields : []
  const [, key, , value, , ttl] = texts
  const ttlSeconds = Number(ttl)
  const isWhole = texts.length === 6 && [id, ...texts].every((text) => typeof text === 'string')
  if (!isWhole || !(ttlSeconds > 0)) throw new Error('The stream holds something else')
  return { id, entry: { key: key as string, value: value as string, ttlSeconds } }
}

function millisecondsOf(id: string): number {
  return Number(id.split('-')[0])
}
