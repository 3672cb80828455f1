/** A client of `redis` (node-redis) for one server, as far as it is used. */
export interface NodeRedisClient {
  sendCommand(command: string[]): Promise<unknown>
}

/** A client of `redis` (node-redis) for a cluster, as far as it is used. */
export interface NodeRedisCluster {
  readonly masters: readonly unknown[]
  sendCommand(firstKey: string, isReadonly: boolean, command: string[]): Promise<unknown>
}

/** A client of `ioredis`, for one server or a cluster, as far as it is used. */
export interface IoRedisClient {
  call(command: string, ...args: string[]): Promise<unknown>
}

/** A connected client of `redis` or `ioredis`; both speak to Valkey as well. */
export type RedisClient = NodeRedisClient | NodeRedisCluster | IoRedisClient

/** Sends a command whose first argument is the key that it is about. */
export type Send = (command: string, key: string, ...args: readonly string[]) => Promise<unknown>

/** @throws TypeError for anything but a client of one of the two libraries */
export function toSend(client: RedisClient): Send {
  if (typeof client === 'object' && client !== null) {
    if ('call' in client && typeof client.call === 'function') {
      return (command, key, ...args) => client.call(command, key, ...args)
    }
    if ('masters' in client) {
      return (command, key, ...args) => {
        // Replicas are behind: a used proof that is read there may not be known yet.
        return client.sendCommand(key, false, [command, key, ...args])
      }
    }
    if ('sendCommand' in client && typeof client.sendCommand === 'function') {
      return (command, key, ...args) => client.sendCommand([command, key, ...args])
    }
  }
  throw new TypeError('client must be a client of redis or ioredis')
}

/** An answer that the command cannot have: what was asked is not known then. */
export function unexpected(command: string, answer: unknown): Error {
  return new Error(`Redis answered ${command} with ${answer === null ? 'null' : typeof answer}`)
}
