import type { Context } from '../context.ts'
import { IdentityError, isIdentityError } from '../errors.ts'
import type { Actor, Claims, Organization } from '../identity.ts'
import type { Awaitable } from '../internal/promises.ts'
import { asText, isEmpty, isRecord, isText } from '../internal/values.ts'
import type { JsonObject } from '../token/json-object.ts'
import { conditionsOf } from '../verdicts/conditions.ts'
import type { StandardResult, StandardSchema } from './standard-schema.ts'

/**
 * Where a claim is: its name, the path to it, or a function of all claims. A name is never
 * split: `https://example.com/org` and `urn:example:a.b` are names.
 */
export type ClaimReader = string | readonly string[] | ((claims: Claims) => unknown)

/** Reads one claim; one that is empty is absent. */
export function readClaim(claims: Claims, reader: ClaimReader): unknown {
  const value = typeof reader === 'function' ? readWith(reader, claims) : readPath(claims, reader)
  return isEmpty(value) ? undefined : value
}

function readPath(claims: Claims, path: string | readonly string[]): unknown {
  let value: unknown = claims
  for (const name of typeof path === 'string' ? [path] : path) {
    if (!isRecord(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

/**
 * Runs a user-supplied claim reader. What it throws may quote claims: that stays out of the error.
 *
 * @throws IdentityError its own, or `DOWN` in place of anything else
 */
export function readWith<T>(reader: (claims: Claims) => T, claims: Claims): T {
  try {
    const value = reader(claims)
    if (!(value instanceof Promise)) return value
    // Nobody waits for an async reader: its rejection would end the process.
    value.catch(() => {})
  } catch (error) {
    if (isIdentityError(error)) throw error
  }
  throw new IdentityError('DOWN', { reason: 'claim_reader_failed' })
}

/** Several places for one fact: the first that holds something decides. */
export function firstOf(...readers: readonly ClaimReader[]): (claims: Claims) => unknown {
  return (claims) =>
    readers.map((reader) => readClaim(claims, reader)).find((value) => value !== undefined)
}

/**
 * A list of names. A single string is one name, never a substring to search in; empty members are
 * absent, and a list with any other member that is not a string is dropped as a whole.
 */
export function asNames(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value === '' ? [] : [value]
  if (!Array.isArray(value)) return undefined
  const list = value.filter((item) => !isEmpty(item))
  return list.every((item) => typeof item === 'string') ? [...new Set(list)] : undefined
}

/** Scopes as RFC 6749 section 3.3 writes them (space-separated), or as a list (Okta). */
export function asScopes(value: unknown): readonly string[] | undefined {
  return asNames(typeof value === 'string' ? value.split(' ') : value)
}

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

const maxActors = 8

/**
 * Reads an `act` claim (RFC 8693 section 4.1): the outermost actor, with earlier ones inside.
 *
 * @throws IdentityError `TOK` when it is present and not of that shape
 */
export function readActor(act: unknown, depth = 0): Actor | undefined {
  if (isEmpty(act)) return undefined
  const subject = isRecord(act) ? asText(act['sub']) : undefined
  const issuer = isRecord(act) ? asText(act['iss']) : undefined
  // An issuer that cannot be read must not turn into "of the token's own issuer".
  const isReadable = isRecord(act) && (isEmpty(act['iss']) || issuer !== undefined)
  if (!isReadable || subject === undefined || depth >= maxActors) {
    throw new IdentityError('TOK', { reason: 'bad_act' })
  }
  const actor = readActor(act['act'], depth + 1)
  return { subject, ...(issuer !== undefined && { issuer }), ...(actor && { actor }) }
}

/**
 * Validates claims with the user's schema, if there is one. One that answers with a promise asks
 * another party, which may answer otherwise the next time: its answer is not kept.
 *
 * @returns a promise only where there is something to wait for
 * @throws IdentityError `TOK` when they do not match, `DOWN` when the schema fails
 */
export function applySchema<C>(
  claims: Claims,
  schema: StandardSchema<C> | undefined,
  context: Context,
): Awaitable<C> {
  if (schema === undefined) return claims as C
  const result = validate(claims, schema)
  if (!(result instanceof Promise)) return valueOf(result)
  conditionsOf(context)?.forbid()
  return result.then(valueOf, () => {
    throw schemaFailed()
  })
}

function validate<C>(claims: Claims, schema: StandardSchema<C>): Awaitable<StandardResult<C>> {
  try {
    const result = schema['~standard'].validate(claims)
    // Also what only looks like a promise.
    return typeof Object(result).then === 'function' ? Promise.resolve(result) : result
  } catch {
    throw schemaFailed()
  }
}

function valueOf<C>(result: StandardResult<C>): C {
  // Issues may quote claims, and so may what a schema throws: they stay out of the error.
  if (result?.issues !== undefined) throw new IdentityError('TOK', { reason: 'claims_schema' })
  if (!isRecord(result) || !('value' in result)) throw schemaFailed()
  return result.value as C
}

function schemaFailed(): IdentityError {
  return new IdentityError('DOWN', { reason: 'claims_schema_failed' })
}
