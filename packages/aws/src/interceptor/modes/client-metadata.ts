import { assertOptions } from '@onbehalf/core/internal'
import { InterceptorRefusal } from '../refusal.ts'
import { type IssuedTokenOptions, issuedToken, issuedTokenOptions } from './issued-token.ts'
import type { TargetMode } from './target-mode.ts'

/** Options of {@link clientMetadata}. */
export interface ClientMetadataOptions extends IssuedTokenOptions {
  /** Further members of `aws_client_metadata`, the same on every call, for example `callerApp`. */
  readonly metadata?: Readonly<Record<string, string>>
}

// What the trigger of this package reads.
const maxMetadataLength = 20_480

/**
 * Fetches a machine token of Amazon Cognito for each caller, with the caller's token in
 * `aws_client_metadata`, and writes it into `Authorization`: the user pool's pre token generation
 * trigger adds the user to it, and the server reads it with `enriched`.
 *
 * The target must then have no `credentialProviderConfigurations`, or the gateway writes its own token.
 * With `header`, on the contrary, the gateway's own token, of the same client, has to be in `Authorization`.
 * A failed token request stops the call.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function clientMetadata(options: ClientMetadataOptions): TargetMode {
  assertOptions('clientMetadata', options, { ...issuedTokenOptions, metadata: true })
  const { metadata = {} } = options
  if ('onBehalfOfToken' in metadata) throw new TypeError('metadata must not name onBehalfOfToken')
  return issuedToken(options, (onBehalfOfToken) => {
    const text = JSON.stringify({ ...metadata, onBehalfOfToken })
    if (text.length > maxMetadataLength) throw new InterceptorRefusal('value_too_large')
    return { grant_type: 'client_credentials', aws_client_metadata: text }
  })
}
