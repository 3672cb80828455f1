// For `node --import`: the entry that needs Node, and the only one that changes classes of an SDK

export type { PreloadOptions } from './adopt.ts'
export { guardServers } from './guard-servers.ts'
