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

/** Sends a command that is about one key, by its words. */
export type SendWords = (key: string, words: string[]) => Promise<unknown>

/** Sends a command whose first argument is the key that it is about. */
export type Send = (command: string, key: string, ...args: readonly string[]) => Promise<unknown>

/** @throws TypeError for anything but a client of one of the two libraries */
export function toSend(client: RedisClient): Send {
  const send = toSendWords(client)
  return (command, key, ...args) => send(key, [command, key, ...args])
}

/** @throws TypeError for anything but a client of one of the two libraries */
export function toSendWords(client: RedisClient): SendWords {
  if (typeof client === 'object' && client !== null) {
    if ('call' in client && typeof client.call === 'function') {
      return (_key, [command = '', ...args]) => client.call(command, ...args)
    }
    // Replicas are behind: a used proof that is read there may not be known yet.
    if ('masters' in client) return (key, words) => client.sendCommand(key, false, words)
    if ('sendCommand' in client && typeof client.sendCommand === 'function') {
      return (_key, words) => client.sendCommand(words)
    }
  }
  throw new TypeError('client must be a client of redis or ioredis')
}

/** An answer that the command cannot have: what was asked is not known then. */
export function unexpected(command: string, answer: unknown): Error {
  return new Error(`Redis answered ${command} with ${answer === null ? 'null' : typeof answer}`)
}
