import type { Identity } from '@onbehalf/core'
import type { LimitedCall } from '@onbehalf/core/guards'
import { textDigest } from '@onbehalf/core/internal'

/**
 * Whose calls count together: those of a user (or service), of an organization, of an OAuth client, or of
 * a tool, prompt or resource; or those for which a function returns the same text.
 */
export type Per =
  | 'user'
  | 'organization'
  | 'client'
  | 'tool'
  | ((identity: Identity, call: LimitedCall) => string)

type Part = readonly (string | null)[]

const parts: Readonly<
  Record<
    Exclude<Per, (...input: never) => unknown>,
    (identity: Identity, call: LimitedCall) => Part
  >
> = {
  user: ({ principal }) => ['user', principal],
  organization: (identity) => {
    const { issuer, organization } = identity
    return organization === undefined
      ? ownBudget(identity)
      : ['organization', issuer, organization.id]
  },
  client: (identity) => {
    const { issuer, client, gateway } = identity
    if (client !== undefined) return ['client', issuer, client]
    return gateway === undefined ? ownBudget(identity) : ['client', gateway.issuer, gateway.client]
  },
  tool: (_identity, { kind, name }) => [kind ?? 'call', name ?? null],
}

/** Of a caller who has nothing that could be shared with others. */
function ownBudget({ principal }: Identity): Part {
  return ['user', principal]
}

/** @throws TypeError for anything but a way to count, or several */
export function toPers(per: Per | readonly Per[]): readonly Per[] {
  const list: readonly Per[] = Array.isArray(per) ? per : [per as Per]
  const areKnown = list.every(
    (one) => typeof one === 'function' || (typeof one === 'string' && Object.hasOwn(parts, one)),
  )
  if (list.length === 0 || !areKnown) {
    throw new TypeError("per must be 'user', 'organization', 'client', 'tool' or a function")
  }
  return [...list]
}

/**
 * What counts together, as a key: a digest of an unambiguous text, so that no issuer, subject or name can
 * be written in a way that meets another one's key, and no name is in a store.
 *
 * @throws TypeError when a function returns anything but a text
 */
export function keyOf(
  pers: readonly Per[],
  identity: Identity,
  call: LimitedCall,
): Promise<string> {
  const key = pers.map((per): Part => {
    if (typeof per === 'string') return parts[per](identity, call)
    const text = per(identity, call)
    if (typeof text !== 'string' || text === '') throw new TypeError('per must return a text')
    return ['own', text]
  })
  return textDigest(JSON.stringify(key))
}
