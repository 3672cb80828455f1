// Where keys come from

export type { FetchOptions } from './fetch-json.ts'
export type { IgnoredKeyReason, KeyQuery, KeySet, VerificationKey } from './key-set.ts'
// Key sets
export { findKeys, parseKeySet } from './key-set.ts'
export type { KeyEvent, KeyLookup, KeySource, ReportKeyEvent } from './key-source.ts'
export type { RefreshOptions } from './refreshing-keys.ts'
export type { RemoteKeysOptions } from './remote-keys.ts'
export { discoveredKeys, jwksKeys } from './remote-keys.ts'
export { staticKeys } from './static-keys.ts'
