import {
  type OrganizationOptions,
  organization,
  type WithOrganization,
} from '@onbehalf/core/guards'
import { guarded } from './guarded.ts'
import type { ArgumentsOf, GuardedHandler, Handler } from './handler.ts'

/**
 * Runs a handler only for callers that act in an organization; `ctx.identity.organization` is then
 * present. Name the organizations, or the roles that the caller must hold in it.
 *
 * With `match` the organization that the arguments name must be one of the caller's: a model that
 * writes another tenant's id into a call is refused.
 *
 * With `match: 'path'` it must be the one in the path of the request, of a server with a resource for
 * each organization.
 *
 * It does not check that the rows your handler reads belong to that organization.
 *
 * @throws TypeError when a list is empty or a rule is undefined
 *
 * @example
 * ```ts
 * server.registerTool('list_invoices', { inputSchema }, requireOrg(listInvoices))
 * server.registerTool('close_books', { inputSchema }, requireOrg('acme', { roles: ['controller'] }, closeBooks))
 * server.registerTool('read_ledger', { inputSchema }, requireOrg({ match: (args) => args.orgId }, readLedger))
 * server.registerTool('list_own', { inputSchema }, requireOrg({ match: 'path' }, listInvoices))
 * ```
 */
export function requireOrg<A, C, R, P extends unknown[] = []>(
  handler: Handler<A, P, C, WithOrganization, R>,
): GuardedHandler<A, P, C, R>
export function requireOrg<A, C, R, P extends unknown[] = []>(
  ids: string | readonly string[],
  handler: Handler<A, P, C, WithOrganization, R>,
): GuardedHandler<A, P, C, R>
export function requireOrg<A, C, R, P extends unknown[] = [], M = ArgumentsOf<A, P>>(
  options: OrganizationOptions<M>,
  handler: Handler<A, P, C, WithOrganization, R>,
): GuardedHandler<A, P, C, R>
export function requireOrg<A, C, R, P extends unknown[] = [], M = ArgumentsOf<A, P>>(
  ids: string | readonly string[],
  options: Omit<OrganizationOptions<M>, 'ids'>,
  handler: Handler<A, P, C, WithOrganization, R>,
): GuardedHandler<A, P, C, R>
export function requireOrg(...input: readonly unknown[]): unknown {
  const handler = input.at(-1) as Handler<unknown, unknown[], unknown, WithOrganization, unknown>
  const guard = input.length === 1 ? anyOrganization : organization(readRules(input.slice(0, -1)))
  return guarded(guard, handler)
}

// A server that is made for each request asks for it with each of its tools.
const anyOrganization = organization()

function readRules(rules: readonly unknown[]): OrganizationOptions<never> {
  const options = Object.create(null) as Record<string, unknown>
  for (const [option, value] of rules.flatMap((rule) => Object.entries(readRule(rule)))) {
    if (option in options) throw new TypeError(`${option} must be given once`)
    // A rule that turns out undefined, such as an unset variable, must not widen into "any".
    if (value === undefined) throw new TypeError(`${option} must not be undefined`)
    options[option] = value
  }
  return options
}

function readRule(rule: unknown): object {
  if (typeof rule === 'string' || Array.isArray(rule)) return { ids: rule }
  if (typeof rule === 'object' && rule !== null) return rule
  throw new TypeError('the organization rule must be ids or options')
}
