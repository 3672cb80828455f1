import { randomUUID } from 'node:crypto'
import type { Identity } from '@onbehalf/core'
import { secureUrl } from '@onbehalf/core/internal'
import { identityOf } from '@onbehalf/mcp'
import type { Remedy } from '@onbehalf/mcp/internal'
import type { Caller } from '../caller.ts'
import type { GrantFault } from '../oauth/fault.ts'
import type { ApiSettings } from './options.ts'

/** What a {@link Remedy} depends on. */
export type RemedySettings = Pick<ApiSettings, 'grant' | 'target' | 'consent'>

const message = 'Give your consent so that this call can be made on your behalf.'

/** What the user of a call can do about its failure, if anything. */
export async function findRemedy(
  fault: GrantFault,
  settings: RemedySettings,
  caller: Caller,
  identity: Identity<unknown> | undefined,
): Promise<Remedy | undefined> {
  if (identity === undefined) return undefined
  const address = fault.code === 'CONSENT' ? await findAddress(fault, settings, caller) : undefined
  if (address !== undefined) return { kind: 'url', message, ...address }
  if (settings.grant.signInIssuer !== identity.issuer) return undefined
  return signInFor(fault, settings, identity)
}

/** Where this user, and nobody else, gives consent. */
async function findAddress(
  { detail: { url } }: GrantFault,
  { consent }: RemedySettings,
  caller: Caller,
): Promise<{ readonly url: string; readonly elicitationId: string } | undefined> {
  if (url !== undefined) return isSafe(url) ? { url, elicitationId: randomUUID() } : undefined
  // The id belongs to the caller of an MCP request.
  if (consent === undefined || identityOf(caller) === undefined) return undefined
  const elicitationId = await consent.elicitations.open(caller)
  return { url: consent.page(elicitationId), elicitationId }
}

function isSafe(url: string): boolean {
  try {
    secureUrl(url, 'url')
    return true
  } catch {
    return false
  }
}

/**
 * The user signs in again at the issuer of their own token. Only scopes that this server is configured with
 * are asked for: an API cannot make users consent to others.
 */
function signInFor(
  { code, detail }: GrantFault,
  { target }: RemedySettings,
  identity: Identity<unknown>,
): Remedy | undefined {
  if (code === 'STEP_UP') {
    const { acrValues = [], maxAgeSeconds } = detail
    return { kind: 'sign_in', scopes: [], stepUp: { acrValues, maxAgeSeconds } }
  }
  if (code !== 'SCOPE' && code !== 'CONSENT') return undefined
  const asked = target.scopes
  const isAsked = (detail.scopes ?? []).every((scope) => asked.includes(scope))
  const isMissing = asked.some((scope) => !identity.scopes.includes(scope))
  return isAsked && isMissing ? { kind: 'sign_in', scopes: asked } : undefined
}
