import type { Identity } from '@onbehalf/core'
import { type ActClaim, toOnBehalfOf } from './on-behalf-of.ts'
import type { TriggerRules } from './options.ts'
import { TriggerRefusal } from './refusal.ts'

type Json = { readonly [name: string]: unknown }

/**
 * The claims that an access token gets for a person.
 *
 * @throws TriggerRefusal for a claim that no server would accept
 */
export async function composeClaims(
  person: Identity,
  client: string,
  rules: TriggerRules,
): Promise<Json> {
  const { claim, schema, map, flat, maxClaimBytes } = rules
  // Who the person is wins over what `map` says.
  const who = toOnBehalfOf(person, client)
  if (depthOf(who.act) > maxActors) throw new TriggerRefusal('claim_refused', 'actors')
  const onBehalfOf = { ...map(person), ...who }
  const added = flat.map(([name, read]) => [name, read(person)] as const)
  const claims = overJson({ [claim]: onBehalfOf, ...Object.fromEntries(added) })
  if (Buffer.byteLength(JSON.stringify(claims)) > maxClaimBytes) {
    throw new TriggerRefusal('claim_too_large')
  }
  const result = await schema?.['~standard'].validate(claims[claim])
  if (result?.issues !== undefined) throw new TriggerRefusal('claim_refused', 'schema')
  return claims
}

// As many as a server reads.
const maxActors = 8

function depthOf(act: ActClaim): number {
  return act.act === undefined ? 1 : 1 + depthOf(act.act)
}

/** As it crosses to Cognito: without what is `undefined`, and without a prototype's surprises. */
function overJson(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}
