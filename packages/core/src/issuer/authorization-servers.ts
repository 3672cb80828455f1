import { type OneOrMore, toList } from '../internal/options.ts'
import { secureUrl, toHttpHosts } from '../internal/safe-url.ts'

interface StatedServers {
  readonly authorizationServers?: OneOrMore<string>
  readonly insecureHttpHosts?: OneOrMore<string>
}

/**
 * The authorization servers that a resource publishes for an issuer (RFC 9728 section 2). An `iss`
 * that is not a URL is the name of an issuer, and not a place where clients get tokens.
 *
 * @throws TypeError when one that is stated is not a URL that clients can use
 */
export function toServers(options: StatedServers, issuers: readonly string[]): readonly string[] {
  const servers = toList(options.authorizationServers, 'authorizationServers')
  const httpHosts = toHttpHosts(options.insecureHttpHosts)
  for (const server of servers ?? []) secureUrl(server, 'authorizationServers', httpHosts)
  return servers ?? issuers.slice(0, 1).filter((issuer) => isServer(issuer, httpHosts))
}

function isServer(issuer: string, httpHosts: readonly string[]): boolean {
  try {
    secureUrl(issuer, 'iss', httpHosts)
    return true
  } catch {
    return false
  }
}
