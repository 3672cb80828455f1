import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { keepCounters, type LimitStore } from './memory.ts'

export interface RedisLimitsOptions {
  /** A connected client of `redis` or `ioredis`, for one server or a cluster. Its owner closes it. */
  readonly client: object
  /** In front of every key: the same in all servers that count together. */
  readonly prefix: string
}

const known: OptionNames<RedisLimitsOptions> = { client: true, prefix: true }

/**
 * Counts in Redis or Valkey, for limits that hold over all processes: one script on one key, which is
 * atomic and works in a cluster. The user of Redis needs the rights `+eval +set +incrby +pttl +expire` (and
 * with `ioredis` `+evalsha`) on `~prefix*`.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { createClient } from 'redis'
 *
 * const client = await createClient({ url: process.env['REDIS_URL'] ?? '' }).connect()
 * const store = redisLimits({ client, prefix: 'invoices:' })
 * ```
 */
export function redisLimits(options: RedisLimitsOptions): LimitStore {
  assertOptions('redisLimits', options, known)
  const { client, prefix } = options
  const isIoRedis = typeof (client as { call?: unknown } | null)?.call === 'function'
  const isNodeRedis =
    typeof (client as { sendCommand?: unknown } | null)?.sendCommand === 'function'
  if (!isIoRedis && !isNodeRedis) throw new TypeError('client must be a client of redis or ioredis')
  if (typeof prefix !== 'string' || prefix === '') throw new TypeError('prefix must be a text')
  return keepCounters(
    ({ keyPrefix, ...settings }) =>
      new RateLimiterRedis({
        ...settings,
        keyPrefix: `${prefix}limit:${keyPrefix}`,
        storeClient: client,
        useRedisPackage: !isIoRedis,
      }),
  )
}
