import {
  assertOptions,
  type OptionNames,
  type RedisClient,
  toSendWords,
  unexpected,
} from '@onbehalf/core/internal'
import type { LeaseStore } from './leases.ts'

export interface RedisLeasesOptions {
  /** A connected client of `redis` or `ioredis`, for one server or a cluster. Its owner closes it. */
  readonly client: RedisClient
  /** In front of every key: the same in all servers that count together. */
  readonly prefix: string
}

const known: OptionNames<RedisLeasesOptions> = { client: true, prefix: true }

// Milliseconds by the clock of Redis, so that clocks of processes need not agree.
const now = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`

const keep = `
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])`

const take = `${now}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local taken = redis.call('ZCARD', KEYS[1])
if taken >= tonumber(ARGV[3]) then return 0 end
${keep}
return taken + 1`

const renew = `${now}${keep}
return 1`

/**
 * Places of calls in Redis or Valkey, for `limitConcurrency` over all processes: a sorted set for each
 * caller that is counted, changed by one script on one key, which is atomic and works in a cluster.
 *
 * The user of Redis needs the rights `+eval +time +zadd +zcard +zrem +zremrangebyscore +pexpire` on
 * `~prefix*`.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { createClient } from 'redis'
 *
 * const client = await createClient({ url: process.env['REDIS_URL'] ?? '' }).connect()
 * const store = redisLeases({ client, prefix: 'invoices:' })
 * ```
 */
export function redisLeases(options: RedisLeasesOptions): LeaseStore {
  assertOptions('redisLeases', options, known)
  const { client, prefix } = options
  if (typeof prefix !== 'string' || prefix === '') throw new TypeError('prefix must be a text')
  const send = toSendWords(client)
  const run = async (script: string, key: string, ...args: string[]): Promise<number> => {
    const full = `${prefix}lease:${key}`
    const answer = await send(full, ['EVAL', script, '1', full, ...args])
    if (typeof answer !== 'number') throw unexpected('EVAL', answer)
    return answer
  }
  return {
    take: (key, id, places, seconds) => run(take, key, id, toMilliseconds(seconds), String(places)),
    renew: async (key, id, seconds) => void (await run(renew, key, id, toMilliseconds(seconds))),
    release: async (key, id) => {
      const full = `${prefix}lease:${key}`
      await send(full, ['ZREM', full, id])
    },
  }
}

function toMilliseconds(seconds: number): string {
  return String(Math.ceil(seconds * 1000))
}
