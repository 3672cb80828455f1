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
import { isMissing } from '../items/items.ts'
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
 * where neither would help, where a hidden item would show, for an item that is not there, and for
 * what did not come over HTTP.
 */
export function challengeFor(
  { authenticator, acceptsGuests, hidesRefused, servesItself }: Protection,
  open: TargetedRequest,
  { reason, required }: Deny,
): Challenge | undefined {
  const { request, identity, extra, target } = open
  if (hidesRefused || !challenged.has(request.method)) return undefined
  const context = refusalContext(authenticator, extra)
  if (context === undefined) return undefined
  const requestId = randomUUID()
  if (reason === 'identity_missing' && acceptsGuests) {
    return toChallenge(new IdentityError('MISSING', { reason, requestId }), context)
  }
  if (reason !== 'scope_missing') return undefined
  if (isMissing(target, request.method, servesItself)) return undefined
  const scopes = withGranted(required.scopes ?? [], identity, context)
  return toChallenge(new IdentityError('SCOPE', { reason, scopes, requestId }), context)
}

/** What a challenge asks for: the scopes needed, what every token needs, and those that stay. */
export function withGranted(
  required: readonly string[],
  identity: Identity | undefined,
  context: RefusalContext,
): readonly string[] {
  const always = context.scopes ?? []
  return [...new Set([...grantedScopes(identity, context), ...always, ...required])]
}

// RFC 6749 section 3.3.
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/
// Header lines beyond a few kilobytes are refused on the way.
const maxGrantedLength = 2048

/**
 * Scopes of the caller that the challenge repeats: clients replace those that they hold by those of
 * the challenge. It leads to the issuer of the token in `Authorization`, which knows what it granted;
 * of any other issuer's scopes it knows those that this server publishes.
 */
function grantedScopes(
  identity: Identity | undefined,
  { metadata }: RefusalContext,
): readonly string[] {
  const { scopes = [], source } = identity ?? {}
  const isItsOwn = source === 'direct' || source === 'enriched'
  const known = metadata.scopes_supported ?? []
  let left = maxGrantedLength
  return scopes.filter((scope) => {
    if (!scopeToken.test(scope) || !(isItsOwn || known.includes(scope))) return false
    left -= scope.length + 1
    return left >= 0
  })
}

function toChallenge(error: IdentityError, context: RefusalContext): Challenge {
  return { error, refusal: createRefusal(error, context) }
}
