import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { onTestFinished } from 'vitest'
import { redisUrl } from './redis.ts'

// Clients of both libraries, which are gone after the test.

export async function nodeRedis(url: string = redisUrl) {
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', () => undefined)
  await client.connect()
  onTestFinished(() => client.destroy())
  return client
}

export function ioRedis(url: string = redisUrl): Redis {
  const client = new Redis(url)
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  return client
}

export async function nodeRedisCluster(url: string) {
  const client = createCluster({ rootNodes: [{ url }] })
  await client.connect()
  onTestFinished(() => client.destroy())
  return client
}

export function ioRedisCluster(url: string): Cluster {
  const client = new Cluster([url])
  onTestFinished(() => client.disconnect())
  return client
}
