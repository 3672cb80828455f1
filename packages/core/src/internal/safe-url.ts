import { type OneOrMore, toList } from './options.ts'

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/
// The URL parser has brought every spelling of an address to one form. Names are not looked at:
// `10.example.com` is one.
const privateV4 =
  /^(?:0|10|127|169\.254|192\.168|192\.0\.0|198\.1[89]|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])|22[4-9]|2[34]\d|25[0-5])\.[\d.]+$/
// Also those that embed an IPv4 address: NAT64 (64:ff9b::) and 6to4 (2002::).
const privateV6 = /^\[(?:f[cdef]|::|64:ff9b:|2002:)/i
// Names that resolve to this host, or to the metadata service of a cloud.
const privateName =
  /^(?:(?:.+\.)?localhost|localhost[46]?(?:\.localdomain[46]?)?|ip6-(?:localhost|loopback)|metadata(?:\.(?:google|azure)\.internal|\.goog)?|instance-data(?:\..*internal)?)\.?$/i
// Names that no public DNS resolves: of one label, or under a suffix that is kept for local use.
const localName = /^[a-z0-9][a-z0-9_-]*$|^[a-z0-9][a-z0-9_.-]*\.(?:internal|local|test|svc)$/

/**
 * Parses an address that keys or metadata are fetched from: `https`, or for development `http` on a
 * loopback address or on a host of {@link toHttpHosts}. Private addresses, user information and
 * fragments are refused.
 *
 * @throws TypeError
 */
export function safeUrl(text: string, option: string, httpHosts?: readonly string[]): URL {
  const url = secureUrl(text, option, httpHosts)
  if (!isLoopback(url) && isPrivate(url)) {
    throw new TypeError(`${option} must not name a private address`)
  }
  return url
}

/**
 * Parses an address that nothing is fetched from: as {@link safeUrl}, private addresses included.
 *
 * @throws TypeError
 */
export function secureUrl(text: string, option: string, httpHosts?: readonly string[]): URL {
  if (!URL.canParse(text)) throw new TypeError(`${option} must be an absolute URL`)
  const url = new URL(text)
  const isLocal = isLoopback(url) || httpHosts?.includes(url.hostname)
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)
  if (!secure) {
    const others = httpHosts === undefined ? '' : ' and insecureHttpHosts'
    throw new TypeError(`${option} must use https (http is for loopback${others} only)`)
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new TypeError(`${option} must not carry user information or a fragment`)
  }
  return url
}

/**
 * Reads the hosts that `http` may be spoken to: names that only a local network can resolve.
 *
 * @throws TypeError for any other
 */
export function toHttpHosts(hosts: OneOrMore<string> | undefined): readonly string[] {
  const names = toList(hosts, 'insecureHttpHosts') ?? []
  if (names.every(isLocalName)) return names
  throw new TypeError(
    'insecureHttpHosts must list host names in lower case, of one label or under .internal, .local, .test or .svc',
  )
}

function isLocalName(name: string): boolean {
  // A number is an address to the URL parser, in whatever notation.
  const isName = URL.canParse(`http://${name}`) && new URL(`http://${name}`).hostname === name
  return isName && localName.test(name) && !privateName.test(name)
}

/**
 * Whether a document of one address may send this server to another one. What is less protected than
 * where the document came from is not followed: loopback and plain `http` are for issuers that are
 * there themselves.
 */
export function mayLeadTo(from: URL, to: URL, httpHosts: readonly string[]): boolean {
  if (isLoopback(to)) return isLoopback(from)
  return to.protocol === 'https:' || httpHosts.includes(from.hostname)
}

function isPrivate({ hostname }: URL): boolean {
  return [privateV4, privateV6, privateName].some((shape) => shape.test(hostname))
}

/** Whether a URL names this host. */
export function isLoopback(url: URL): boolean {
  return loopback.test(url.hostname)
}
