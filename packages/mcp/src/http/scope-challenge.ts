import { createRefusal, IdentityError, type Refusal } from '@onbehalf/core'
import { type AuthInfo, identityOfAuthInfo } from '@onbehalf/core/auth-info'
import type { Allow, Deny } from '@onbehalf/core/guards'
import type { OpenRequest } from '../ambient/open-requests.ts'
import { decideRequest, type Protection } from '../decisions/decide-request.ts'
import { recordDecision } from '../decisions/record-decision.ts'
import type { Registered } from '../items/item-table.ts'
import { isRequest, type Message } from '../wire/json-rpc.ts'

/** What SDK v2 hands to a `scopeChallenge`. */
interface ChallengeContext {
  readonly request: Message
  readonly authInfo?: unknown
}

interface Challenge {
  readonly scopes: readonly string[]
  readonly errorDescription: string
}

type ChallengeHandler = (context: ChallengeContext) => Promise<Challenge | undefined>

type Found = IdentityError | undefined

/**
 * Finds out whether a request lacks scopes and nothing else: only then can consent fix it. Returns a
 * promise only where there is something to wait for.
 */
export type FindMissingScopes = (request: Message, authInfo: unknown) => Found | Promise<Found>

const challenged = new Set(['tools/call', 'resources/read', 'prompts/get'])

export function createScopeFinder(protection: Protection): FindMissingScopes {
  return (request, authInfo) => {
    const identity = identityOfAuthInfo(authInfo)
    if (identity === undefined || !isRequest(request) || !challenged.has(request.method)) return
    // A challenge would tell that the item exists.
    if (protection.hideRefused) return
    const open = { request, identity }
    const decision = decideRequest(protection, request, identity)
    return decision instanceof Promise
      ? decision.then((settled) => findMissing(protection, open, settled))
      : findMissing(protection, open, decision)
  }
}

function findMissing(
  protection: Protection,
  open: OpenRequest,
  decision: Allow | Deny,
): Found | Promise<Found> {
  if (decision.effect !== 'deny' || decision.reason !== 'scope_missing') return undefined
  const scopes = decision.required.scopes ?? []
  const missing = new IdentityError('SCOPE', { reason: decision.reason, scopes })
  const recorded = recordDecision(protection, open, decision, missing)
  return recorded === undefined ? missing : recorded.then(() => missing)
}

/**
 * Has SDK v2 answer missing scopes over HTTP: a registered item carries the handler that its
 * transports ask. A handler that the item came with stays. SDK v1 has no such member.
 */
export function addScopeChallenge(registered: Registered, find: FindMissingScopes): void {
  const item = registered as { scopeChallenge?: ChallengeHandler | undefined }
  if (!('scopeChallenge' in item) || item.scopeChallenge !== undefined) return
  item.scopeChallenge = async ({ request, authInfo }) => {
    try {
      const missing = await find(request, authInfo)
      return missing && { scopes: missing.scopes, errorDescription: missing.message }
    } catch {
      // What cannot be recorded is not answered here: the gate refuses it once more, with 503.
      return undefined
    }
  }
}

/** The HTTP answer to a request that lacks scopes. `authInfo` is one that carries an identity. */
export function createScopeRefusal(missing: IdentityError, authInfo: unknown): Refusal {
  const { resource, resourceMetadataUrl } = authInfo as AuthInfo
  return createRefusal(missing, {
    resourceMetadataUrl,
    metadata: {
      resource: resource.href,
      authorization_servers: [],
      bearer_methods_supported: ['header'],
    },
  })
}
