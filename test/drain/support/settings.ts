import type { DrainOptions } from '@onbehalf/mcp'
import type { TokenMinter } from '@onbehalf/testing'

/** The settings of the server in the child process. */
export interface Settings {
  /** One of `hosts`. */
  readonly host: string
  readonly issuer: string
  readonly jwks: TokenMinter['jwks']
  /** Of its audit log. */
  readonly directory: string
  /** A file with the key that signs the heads of the log. */
  readonly signingKey: string
  /** URL of a Redis for revocations and leases. */
  readonly redis?: string
  readonly prefix: string
  readonly drain: Omit<DrainOptions, 'close'>
}

/** Ends the calls of the tool `slow`. */
export type ToChild = 'finish'

export type FromChild =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'began' | 'aborted' }
  | { readonly type: 'drained'; readonly ended: number; readonly failures: readonly string[] }
