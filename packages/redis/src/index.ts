export type {
  IoRedisClient,
  MirrorEvent,
  MirrorOptions,
  NodeRedisClient,
  NodeRedisCluster,
  RedisClient,
  RevocationMirror,
} from '@onbehalf/core/internal'
export type { RedisRevocationsOptions } from './redis-revocations.ts'
export { redisRevocations } from './redis-revocations.ts'
export type { RedisStoreOptions } from './redis-store.ts'
export { redisStore } from './redis-store.ts'
