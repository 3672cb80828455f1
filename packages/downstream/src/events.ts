import type { Identity, SourceKind } from '@onbehalf/core'
import type { DownstreamErrorCode } from './errors.ts'

/** What happened while APIs were called on behalf of subjects. For operators: it names users. */
export type DownstreamEvent =
  | {
      /** A token was obtained. Those that are used again are not reported. */
      readonly type: 'token_obtained'
      readonly api: string
      readonly grant: string
      readonly identity: Identity<unknown>
      readonly scopes: readonly string[]
      /** How long that took. */
      readonly seconds: number
    }
  | {
      /** A call ended before it reached the API, or by what the API demands of the user. */
      readonly type: 'refused'
      readonly api: string
      readonly code: DownstreamErrorCode
      readonly reason: string
      readonly identity: Identity<unknown> | undefined
      /** `error` of the authorization server's answer, and its status. */
      readonly answered?: { readonly error: string; readonly status: number } | undefined
      /** `error_description` of that answer: up to 500 characters, without tokens. */
      readonly description?: string | undefined
    }
  /** Identities of this source have no token that could be exchanged: every call for them fails. */
  | {
      readonly type: 'source_without_token'
      readonly api: string
      readonly source: SourceKind
    }
  /** The shared store of tokens failed; tokens are obtained without it. */
  | { readonly type: 'shared_tokens_failed'; readonly cause: unknown }
  /** No user can be sent to the page for consent: `page` or the store of `elicitations` failed. */
  | { readonly type: 'consent_page_failed'; readonly api: string; readonly cause: unknown }
