const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/
// The URL parser has brought every spelling of an address to one form. Names are not looked at:
// `10.example.com` is one.
const privateV4 =
  /^(?:0|10|127|169\.254|192\.168|192\.0\.0|198\.1[89]|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])|22[4-9]|2[34]\d|25[0-5])\.[\d.]+$/
// Also those that embed an IPv4 address: NAT64 (64:ff9b::) and 6to4 (2002::).
const privateV6 = /^\[(?:f[cdef]|::|64:ff9b:|2002:)/i
// Names that resolve to this host, or to the metadata service of a cloud.
const privateName =
  /^(?:(?:.+\.)?localhost|localhost[46]?(?:\.localdomain[46]?)?|ip6-(?:localhost|loopback)|metadata(?:\.google\.internal|\.goog)?|instance-data(?:\.ec2\.internal)?)\.?$/i

/**
 * Parses an address that keys or metadata are fetched from: `https`, or `http` on a loopback
 * address for development. Private addresses, user information and fragments are refused.
 *
 * @throws TypeError
 */
export function safeUrl(text: string, option: string): URL {
  const url = secureUrl(text, option)
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
export function secureUrl(text: string, option: string): URL {
  if (!URL.canParse(text)) throw new TypeError(`${option} must be an absolute URL`)
  const url = new URL(text)
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
  if (!secure) throw new TypeError(`${option} must use https (http is for loopback only)`)
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new TypeError(`${option} must not carry user information or a fragment`)
  }
  return url
}

function isPrivate({ hostname }: URL): boolean {
  return [privateV4, privateV6, privateName].some((shape) => shape.test(hostname))
}

/** Whether a URL names this host. */
export function isLoopback(url: URL): boolean {
  return loopback.test(url.hostname)
}
