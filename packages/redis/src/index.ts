export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  RedisClient,
} from './commands.ts'
export type { RedisStoreOptions } from './redis-store.ts'
export { redisStore } from './redis-store.ts'
