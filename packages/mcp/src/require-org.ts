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
 * It does not check that the rows your handler reads belong to that organization.
 *
 * @throws TypeError when a list is empty or a rule is undefined
 *
 * @example
 * ```ts
 * server.registerTool('list_invoices', { inputSchema }, requireOrg(listInvoices))
 * server.registerTool('close_books', { inputSchema }, requireOrg('acme', { roles: ['controller'] }, closeBooks))
 * server.registerTool('read_ledger', { inputSchema }, requireOrg({ match: (args) => args.orgId }, readLedger))
 * ```
 */
export function requireOrg<P extends unknown[], C, R>(
  handler: Handler<P, C, WithOrganization, R>,
): GuardedHandler<P, C, R>
export function requireOrg<P extends unknown[], C, R>(
  ids: string | readonly string[],
  handler: Handler<P, C, WithOrganization, R>,
): GuardedHandler<P, C, R>
export function requireOrg<P extends unknown[], C, R>(
  options: OrganizationOptions<NoInfer<ArgumentsOf<P>>>,
  handler: Handler<P, C, WithOrganization, R>,
): GuardedHandler<P, C, R>
export function requireOrg<P extends unknown[], C, R>(
  ids: string | readonly string[],
  options: Omit<OrganizationOptions<NoInfer<ArgumentsOf<P>>>, 'ids'>,
  handler: Handler<P, C, WithOrganization, R>,
): GuardedHandler<P, C, R>
export function requireOrg(...input: readonly unknown[]): unknown {
  const handler = input.at(-1) as Handler<unknown[], unknown, WithOrganization, unknown>
  return guarded(organization(readRules(input.slice(0, -1))))(handler)
}

// A rule that turns out undefined, such as an unset variable, must not widen into "any".
function readRules(rules: readonly unknown[]): OrganizationOptions<never> {
  const options: OrganizationOptions<never> = {}
  for (const rule of rules) {
    if (typeof rule === 'string' || Array.isArray(rule)) Object.assign(options, { ids: rule })
    else Object.assign(options, readOptions(rule))
  }
  return options
}

function readOptions(rule: unknown): object {
  if (typeof rule !== 'object' || rule === null) throw new TypeError('organization rule is missing')
  for (const [option, value] of Object.entries(rule)) {
    if (value === undefined) throw new TypeError(`${option} must not be undefined`)
  }
  return rule
}
