import { type OneOrMore, toList } from '../internal/options.ts'
import { secureUrl } from '../internal/safe-url.ts'

/**
 * The authorization servers that a resource publishes for an issuer (RFC 9728 section 2). An `iss`
 * that is not a URL is the name of an issuer, and not a place where clients get tokens.
 *
 * @throws TypeError when one that is stated is not a URL that clients can use
 */
export function toServers(
  stated: OneOrMore<string> | undefined,
  issuers: readonly string[],
): readonly string[] {
  const servers = toList(stated, 'authorizationServers')
  for (const server of servers ?? []) secureUrl(server, 'authorizationServers')
  return servers ?? issuers.slice(0, 1).filter(isServer)
}

function isServer(issuer: string): boolean {
  try {
    secureUrl(issuer, 'iss')
    return true
  } catch {
    return false
  }
}
