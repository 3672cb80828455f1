// How often, how many at once, how long
export type { ConcurrencyOptions } from './concurrency.ts'
export { limitConcurrency } from './concurrency.ts'
// Who presents bad credentials
export type { AddressRule, FailureLimitOptions } from './failures.ts'
export { limitFailures } from './failures.ts'
export type { Per } from './keys.ts'
export type { LimitOptions } from './limit.ts'
export { limit } from './limit.ts'

// Where calls are counted
export type { LeaseStore } from './stores/leases.ts'
export type { Counter, CounterSettings, LimitStore } from './stores/memory.ts'
export type { PostgresLimitsOptions } from './stores/postgres.ts'
export { postgresLimits } from './stores/postgres.ts'
export { postgresLeases } from './stores/postgres-leases.ts'
export type { RedisLimitsOptions } from './stores/redis.ts'
export { redisLimits } from './stores/redis.ts'
export type { RedisLeasesOptions } from './stores/redis-leases.ts'
export { redisLeases } from './stores/redis-leases.ts'
export type { TimeOptions } from './time.ts'
export { limitTime } from './time.ts'
