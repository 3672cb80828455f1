// Where keys come from

export type { FetchOptions } from './fetch-json.ts'
export type { IgnoredKeyReason, KeyQuery, KeySet, VerificationKey } from './key-set.ts'
// Key sets
export { findKeys, parseKeySet } from './key-set.ts'
export type {
  KeyEvent,
  KeyLookup,
  KeySource,
  KeysFailed,
  KeysLoaded,
  KeyUnknown,
  ReportKeyEvent,
} from './key-source.ts'
export type { RefreshOptions } from './refresh-options.ts'
export type { RemoteKeysOptions } from './remote-keys.ts'
export { discoveredKeys, jwksKeys } from './remote-keys.ts'
export { staticKeys } from './static-keys.ts'
