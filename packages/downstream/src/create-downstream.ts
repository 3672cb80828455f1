import type { Authenticator } from '@onbehalf/core'
import {
  assertOptions,
  keepSubjectTokens,
  type SubjectTokens,
  toObserver,
} from '@onbehalf/core/internal'
import { createApi, type DownstreamApi } from './api/downstream-api.ts'
import { type ApiOptions, type ApiSettings, toApiSettings } from './api/options.ts'
import { createReporter } from './api/reporter.ts'
import type { DownstreamEvent } from './events.ts'
import { createSealedStore, type SharedTokensOptions } from './tokens/sealed-store.ts'
import { TokenCache } from './tokens/token-cache.ts'

export interface DownstreamOptions<Name extends string> {
  /**
   * The authenticator of this server. From now on it keeps the token of each request's subject, where
   * this package alone finds it, for as long as the request.
   */
  readonly authenticator: Authenticator<unknown>
  /** The APIs, by the names under which handlers call them. */
  readonly apis: Readonly<Record<Name, ApiOptions>>
  /** Most tokens in the memory of this process: those used last. Default 10000. */
  readonly maxTokens?: number
  /** Shares tokens with other processes, encrypted. Default: each process obtains its own. */
  readonly sharedTokens?: SharedTokensOptions
  /** Called with what operators need to know. A throw or a rejection in it changes nothing. */
  readonly onEvent?: ((event: DownstreamEvent) => void) | undefined
}

/** APIs that handlers call on behalf of their callers, by name. */
export type Downstream<Name extends string> = Readonly<Record<Name, DownstreamApi>>

/**
 * Describes the APIs that handlers call as the user on whose behalf they run. No handler, model, log
 * or record sees a token.
 *
 * @example
 * ```ts
 * const client = { id: clientId, method: 'client_secret_basic', secret: clientSecret } as const
 * const downstream = createDownstream({
 *   authenticator,
 *   apis: {
 *     ledger: {
 *       baseUrl: 'https://ledger.example.com/v1',
 *       audience: 'https://ledger.example.com',
 *       grant: tokenExchange({ issuer: 'https://login.example.com', client }),
 *     },
 *   },
 * })
 * const readInvoices = (ctx: object) => downstream.ledger.fetch(ctx, '/invoices')
 * ```
 *
 * @throws TypeError naming the option that is missing or wrong, or an API whose grant needs a token
 *   that no source of the authenticator brings
 */
export function createDownstream<const Name extends string>(
  options: DownstreamOptions<Name>,
): Downstream<Name> {
  const { authenticator, apis, maxTokens = 10_000, sharedTokens, onEvent } = options
  const { onEvent: _, ...deciding } = options
  assertOptions<Omit<DownstreamOptions<Name>, 'onEvent'>>('createDownstream', deciding, {
    authenticator: true,
    apis: true,
    maxTokens: true,
    sharedTokens: true,
  })
  if (!Number.isInteger(maxTokens) || maxTokens < 1) {
    throw new TypeError('maxTokens must be a positive integer')
  }
  const all = Object.entries<ApiOptions>(apis).map(([name, api]) => toApiSettings(name, api))
  if (all.length === 0) throw new TypeError('apis must not be empty')
  const shared = sharedTokens && createSealedStore(sharedTokens)
  const subjectTokens = keepSubjectTokens(authenticator)
  const tell = toObserver(onEvent)
  for (const api of all) checkSources(api, subjectTokens, onEvent ? tell : warn)
  const cache = new TokenCache({
    maxTokens,
    shared,
    now: () => subjectTokens.now(),
    onStoreFailed: (cause) => tell({ type: 'shared_tokens_failed', cause }),
  })
  const built = all.map((settings): [string, DownstreamApi] => {
    const reporter = createReporter(settings, tell)
    return [settings.name, createApi({ settings, subjectTokens, cache, reporter })]
  })
  return Object.freeze(Object.fromEntries(built)) as Downstream<Name>
}

/** @throws TypeError when no identity of this server will ever have the token that a grant needs */
function checkSources(
  { name, grant }: ApiSettings,
  { sources }: SubjectTokens,
  tell: (event: DownstreamEvent) => void,
): void {
  if (!grant.needsSubjectToken) return
  const without = sources.filter(({ carriesToken }) => !carriesToken)
  if (without.length === sources.length) {
    const kinds = without.map(({ kind }) => kind).join(', ')
    throw new TypeError(
      `apis.${name}: ${grant.name} needs the user's own token, which ${kinds} never brings`,
    )
  }
  for (const { kind } of without) tell({ type: 'source_without_token', api: name, source: kind })
}

function warn(event: DownstreamEvent): void {
  if (event.type !== 'source_without_token') return
  const { api, source } = event
  // oxlint-disable-next-line no-console -- the one log that every web runtime has
  console.warn(
    `Onbehalf: the source ${source} brings no token of its user, so calls of the API ${api} fail`,
  )
}
