// The tables

export { migrate } from './migrate.ts'
// The log in them
export type { PostgresSink } from './postgres-sink.ts'
export { postgresSink } from './postgres-sink.ts'
export type { PostgresSinkOptions } from './sink-settings.ts'
// Verifying it
export { verifyPostgresLog } from './verify-postgres-log.ts'
