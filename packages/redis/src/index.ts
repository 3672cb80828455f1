export type {
  MirrorEvent,
  MirrorOptions,
  RevocationMirror,
} from '@onbehalf/core/internal'
export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  RedisClient,
} from './commands.ts'
export type { RedisRevocationsOptions } from './redis-revocations.ts'
export { redisRevocations } from './redis-revocations.ts'
export type { RedisStoreOptions } from './redis-store.ts'
export { redisStore } from './redis-store.ts'
