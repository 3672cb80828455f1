import type { MachineTokenRequest, PreTokenGenerationEvent } from './event.ts'
import { TriggerRefusal } from './refusal.ts'

// A user token of the length that is verified at all, and room for what else a client says.
const maxMetadataLength = 20_480

/**
 * Reads the event of a client credentials request. Whatever is not read may be missing, empty or
 * `null`.
 *
 * @throws TriggerRefusal
 */
export function parseTokenRequest(event: PreTokenGenerationEvent): MachineTokenRequest {
  const client: unknown = event.callerContext?.clientId
  if (event.version !== '3' || typeof client !== 'string' || client === '') {
    throw new TriggerRefusal('event_unknown')
  }
  return { client, userToken: readUserToken(event.request?.clientMetadata ?? {}) }
}

function readUserToken(metadata: unknown): string | undefined {
  if (!isStringMap(metadata)) throw new TriggerRefusal('metadata_malformed')
  const length = Object.entries(metadata).reduce((sum, pair) => sum + pair.join('').length, 0)
  if (length > maxMetadataLength) throw new TriggerRefusal('metadata_too_large')
  return metadata['onBehalfOfToken'] || undefined
}

function isStringMap(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((member) => typeof member === 'string')
}
