import { randomUUID } from 'node:crypto'
import {
  createRefusal,
  type Identity,
  IdentityError,
  type Refusal,
  type RefusalContext,
} from '@onbehalf/core'
import type { Deny } from '@onbehalf/core/guards'
import { refusalContext } from '../http/refusals.ts'
import type { Protection } from '../protection.ts'
import type { TargetedRequest } from './decide-request.ts'

/** An answer of HTTP that a client can act upon: it signs in, or asks for consent. */
export interface Challenge {
  readonly error: IdentityError
  readonly refusal: Refusal
}

const challenged = new Set([
  'tools/call',
  'resources/read',
  'prompts/get',
  'resources/subscribe',
  'subscriptions/listen',
])

/**
 * The challenge for a request that is denied only because it lacks an identity or scopes. Undefined
 * where neither would help, where a hidden item would show, and for what did not come over HTTP.
 */
export function challengeFor(
  { authenticator, acceptsGuests, hidesRefused }: Protection,
  open: TargetedRequest,
  { reason, required }: Deny,
): Challenge | undefined {
  const { request, identity, extra } = open
  if (hidesRefused || !challenged.has(request.method)) return undefined
  const context = refusalContext(authenticator, extra?.authInfo)
  if (context === undefined) return undefined
  const requestId = randomUUID()
  if (reason === 'identity_missing' && acceptsGuests) {
    return toChallenge(new IdentityError('MISSING', { reason, requestId }), context)
  }
  if (reason !== 'scope_missing') return undefined
  const scopes = withGranted(required.scopes ?? [], identity, context)
  return toChallenge(new IdentityError('SCOPE', { reason, scopes, requestId }), context)
}

/** Clients replace the scopes they hold by those of the challenge: what is granted stays. */
export function withGranted(
  required: readonly string[],
  identity: Identity | undefined,
  { metadata }: RefusalContext,
): readonly string[] {
  const known = metadata.scopes_supported ?? []
  const granted = (identity?.scopes ?? []).filter((scope) => known.includes(scope))
  return [...new Set([...granted, ...required])]
}

function toChallenge(
  error: IdentityError,
  context: Parameters<typeof createRefusal>[1],
): Challenge {
  return { error, refusal: createRefusal(error, context) }
}
