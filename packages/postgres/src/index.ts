export type { MirrorEvent, MirrorOptions, RevocationMirror } from '@onbehalf/core/internal'
// The tables

export { migrate } from './migrate.ts'
// What instances share
export type { PostgresApiKeysOptions } from './postgres-api-keys.ts'
export { postgresApiKeys } from './postgres-api-keys.ts'
export type { PostgresRevocationsOptions } from './postgres-revocations.ts'
export { postgresRevocations } from './postgres-revocations.ts'
// The log in them
export type { PostgresSink } from './postgres-sink.ts'
export { postgresSink } from './postgres-sink.ts'
export type { PostgresStoreOptions } from './postgres-store.ts'
export { postgresStore } from './postgres-store.ts'
export type { PostgresSinkOptions } from './sink-settings.ts'
// Verifying it
export { verifyPostgresLog } from './verify-postgres-log.ts'
