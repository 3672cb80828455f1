import { type OneOrMore, requiredList, toList } from '../../internal/options.ts'
import type { Awaitable } from '../../internal/promises.ts'
import { secureUrl, toHttpHosts } from '../../internal/safe-url.ts'
import { readRefreshOptions } from '../../keys/refresh-options.ts'
import type { IssuerOptions } from '../issuer.ts'
import type { Find } from './listing.ts'

/** Which tenants are on the list: all of them, or a function that says so. */
export type TenantList = readonly string[] | ((tenant: string) => Awaitable<boolean>)

/**
 * What a list of tenants, or a function, says about one.
 *
 * @throws TypeError naming the option
 */
export function toFind(
  list: TenantList,
  option: string,
  shape: RegExp,
  expected: string,
): Find<true> {
  const accept = (found: boolean): true | undefined => (found === true ? true : undefined)
  if (typeof list === 'function') {
    return (tenant) => {
      const found = list(tenant)
      return typeof found === 'boolean' ? accept(found) : Promise.resolve(found).then(accept)
    }
  }
  const names = new Set(requiredList(list, option))
  for (const name of names) {
    if (!shape.test(name)) throw new TypeError(`${option} must list ${expected}`)
  }
  return (tenant) => accept(names.has(tenant))
}

/** @throws TypeError for a clock that is not one */
export function toMonotonic(options: Pick<IssuerOptions, 'monotonic'>): () => number {
  return readRefreshOptions(options).monotonic
}

/**
 * Where clients get tokens: nothing follows from a list of issuers, so only what is stated. Of a server
 * with a resource for each organization, `{organization}` in it is the one in the path.
 *
 * @throws TypeError when one is not a URL that clients can use
 */
export function toTenantServers(
  servers: OneOrMore<string> | undefined,
  { insecureHttpHosts }: Pick<IssuerOptions, 'insecureHttpHosts'>,
): readonly string[] {
  const stated = toList(servers, 'authorizationServers') ?? []
  for (const server of stated) {
    secureUrl(server, 'authorizationServers', toHttpHosts(insecureHttpHosts))
  }
  return stated
}
