import type { Organization } from '../identity.ts'
import { isRecord } from '../internal/is-record.ts'
import { asText, isEmpty, isText } from '../internal/text.ts'
import { type JsonObject } from '../token/parse-json.ts'
import { asNames } from './claims.ts'

/** `roles` is absent where the claim is silent about them. */
type Listed = Omit<Organization, 'roles'> & Partial<Pick<Organization, 'roles'>>

/**
 * The organizations that a claim names. Understood are an id, an object with an `id`, a list of
 * either, and an object that maps ids or aliases to objects. Several are never narrowed to "the
 * first": a claim with a part that is not understood is dropped as a whole.
 *
 * In a token for one organization, its `roles` are roles in that organization, unless the claim
 * lists others.
 *
 * @returns `undefined` when the claim is not understood; none when it is absent or empty
 */
export function asOrganizations(
  claim: unknown,
  roles: readonly string[],
): readonly Organization[] | undefined {
  const listed = merge(asList(claim).map(toListed))
  if (listed === undefined) return undefined
  const inherited = listed.length === 1 ? roles : []
  return listed.map((item) => ({ roles: inherited, ...item }))
}

/** One organization that is listed twice is one; what is said of it must agree. */
function merge(items: readonly (Listed | undefined)[]): readonly Listed[] | undefined {
  const merged = new Map<string, Listed>()
  for (const item of items) {
    if (item === undefined) return undefined
    const known = merged.get(item.id)
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(item)) return undefined
    merged.set(item.id, item)
  }
  return [...merged.values()]
}

function asList(claim: unknown): readonly unknown[] {
  if (isEmpty(claim)) return []
  if (Array.isArray(claim)) return claim.filter((item) => !isEmpty(item))
  if (isRecord(claim) && !('id' in claim)) return Object.entries(claim).map(named)
  return [claim]
}

/** One entry of an object keyed by id or alias. Text in it is a fact about something else. */
function named([key, details]: [string, unknown]): unknown {
  if (details !== null && !isRecord(details)) return undefined
  return { name: key, ...details, id: details?.['id'] ?? key }
}

function toListed(item: unknown): Listed | undefined {
  if (!isRecord(item)) return isText(item) ? { id: item } : undefined
  const id = asText(item['id'])
  return id === undefined ? undefined : { id, ...nameOf(item), ...rolesOf(item) }
}

function nameOf(item: JsonObject): Pick<Listed, 'name'> {
  const name = asText(item['name'])
  return name === undefined ? {} : { name }
}

function rolesOf(item: JsonObject): Pick<Listed, 'roles'> {
  return isEmpty(item['roles']) ? {} : { roles: asNames(item['roles']) ?? [] }
}
