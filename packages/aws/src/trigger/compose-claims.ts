import type { Identity } from '@onbehalf/core'
import { isRecord } from '@onbehalf/core/internal'
import { type ActClaim, toOnBehalfOf } from './on-behalf-of.ts'
import type { TriggerSettings } from './options.ts'
import { TriggerRefusal } from './refusal.ts'
import { reservedMember } from './reserved-claims.ts'

type Json = { readonly [name: string]: unknown }

/**
 * The claims that an access token gets for a user.
 *
 * @throws TriggerRefusal for a claim that no server would accept
 */
export async function composeClaims(
  user: Identity,
  client: string,
  settings: TriggerSettings,
): Promise<Json> {
  const { userClaim, schema, map, flat, maxClaimBytes } = settings
  const who = toOnBehalfOf(user, client)
  if (depthOf(who.act) > maxActors) throw refused('actors')
  const onBehalfOf = { ...toMembers(map(user)), ...who }
  const added = flat.map(([name, read]) => [name, settled(read(user))] as const)
  const claims = overJson({ [userClaim]: onBehalfOf, ...Object.fromEntries(added) })
  if (Buffer.byteLength(JSON.stringify(claims)) > maxClaimBytes) {
    throw new TriggerRefusal('claim_too_large')
  }
  const result = await schema?.['~standard'].validate(claims[userClaim])
  if (result?.issues !== undefined) throw refused('schema')
  return claims
}

// As many as a server reads.
const maxActors = 8

function depthOf(act: ActClaim): number {
  return act.act === undefined ? 1 : 1 + depthOf(act.act)
}

/** What `map` returned, as it will be read. It never says who the user is. */
function toMembers(mapped: unknown): Json {
  if (!isRecord(settled(mapped))) throw refused('map')
  const members = overJson(mapped as object)
  const reserved = reservedMember(members)
  if (reserved !== undefined) throw refused(`map_${reserved}`)
  return members
}

/** Nobody waits for an async function: it is refused, and its rejection must not end the process. */
function settled(value: unknown): unknown {
  if (!(value instanceof Promise)) return value
  value.catch(() => {})
  throw refused('async')
}

/** As it is sent to Cognito: without what is `undefined`, and without a prototype's surprises. */
function overJson(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}

function refused(detail: string): TriggerRefusal {
  return new TriggerRefusal('claim_refused', detail)
}
