import type { Store } from '@onbehalf/core'
import {
  assertOptions,
  type OptionNames,
  type RedisClient,
  toSend,
  unexpected,
} from '@onbehalf/core/internal'

export interface RedisStoreOptions {
  /** A connected client of `redis` or `ioredis`, for one server or a cluster. Its owner closes it. */
  readonly client: RedisClient
  /**
   * In front of every key, so that several applications share one server: servers of one MCP resource
   * have the same prefix, others another one.
   */
  readonly prefix: string
}

const known: OptionNames<RedisStoreOptions> = { client: true, prefix: true }

/**
 * A store in Redis or Valkey, for processes that serve one resource: a proof, a token or a logout
 * that one of them saw is known to all.
 *
 * Each operation is one command (`SET` with `NX` and `PX`, `SET` with `PX`, `GET`) on one key, which
 * is atomic and works in a cluster. The user of Redis needs the rights `+set +get` on `~prefix*`.
 *
 * A server that evicts keys (any `maxmemory-policy` but `noeviction`) forgets proofs that were used,
 * and so does a failover that loses the last writes: docs/shared-state.md says what that costs.
 *
 * Operations reject when Redis cannot be reached or gives an answer that the command cannot have: the
 * request is then refused with 503, `store_unavailable`.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { createClient } from 'redis'
 *
 * const client = await createClient({ url: process.env['REDIS_URL'] ?? '' }).connect()
 * const store = redisStore({ client, prefix: 'invoices:' })
 * dpop({ store })
 * ```
 */
export function redisStore(options: RedisStoreOptions): Store {
  assertOptions('redisStore', options, known)
  const { client, prefix } = options
  if (typeof prefix !== 'string' || prefix === '') throw new TypeError('prefix must be a text')
  const send = toSend(client)
  return {
    add: async (key, value, ttlSeconds) => {
      const answer = await send('SET', prefix + key, value, 'NX', 'PX', toMilliseconds(ttlSeconds))
      if (answer !== 'OK' && answer !== null) throw unexpected('SET', answer)
      return answer === 'OK'
    },
    set: async (key, value, ttlSeconds) => {
      const answer = await send('SET', prefix + key, value, 'PX', toMilliseconds(ttlSeconds))
      if (answer !== 'OK') throw unexpected('SET', answer)
    },
    get: async (key) => {
      const answer = await send('GET', prefix + key)
      if (answer !== null && typeof answer !== 'string') throw unexpected('GET', answer)
      return answer ?? undefined
    },
  }
}

/** Rounded up: nothing is forgotten early. */
function toMilliseconds(seconds: number): string {
  return String(Math.max(1, Math.ceil(seconds * 1000)))
}
