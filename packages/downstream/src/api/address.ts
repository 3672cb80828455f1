import { GrantFault } from '../oauth/fault.ts'

/**
 * A path with values in it, each of which stays one segment or one value of the query: whatever a
 * model or a user wrote in them, the address is the one that was meant.
 *
 * @throws DownstreamError `TARGET`, from the call that uses it, for a value that is empty or only dots
 *
 * @example
 * ```ts
 * const messagesOf = (user: string, count: number) => path`/users/${user}/messages?$top=${count}`
 * ```
 */
export function path(texts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return texts.reduce((whole, text, at) => {
    const value = String(values[at - 1])
    const isSegment = !whole.includes('?')
    return `${whole}${isSegment ? toSegment(value) : encodeURIComponent(value)}${text}`
  })
}

/** What would change the path becomes `..`, which is refused wherever it is used. */
function toSegment(value: string): string {
  return /^\.*$/.test(value) ? '..' : encodeURIComponent(value)
}

const blanks = /[\s\\]|\p{Cc}/u

/**
 * The address that a handler asks for, if it is one of the API: of its origin, at its base path or
 * below.
 *
 * @throws GrantFault `TARGET`
 */
export function toAddress(asked: string | URL, base: URL): URL {
  const text = String(asked)
  if (blanks.test(text)) throw refused('address_malformed')
  const isPath = text.startsWith('/')
  // `//host` is another origin; anything else without a slash in front has to be a whole URL.
  if (text.startsWith('//') || (!isPath && !/^https?:\/\//i.test(text)))
    throw refused('other_origin')
  const root = base.pathname.replace(/\/$/, '')
  const whole = isPath ? `${base.origin}${root}${text}` : text
  if (!URL.canParse(whole)) throw refused('address_malformed')
  const url = new URL(whole)
  if (url.origin !== base.origin || url.username !== '' || url.password !== '') {
    throw refused('other_origin')
  }
  // As it was written: the parser has resolved these already.
  if (hasDots(pathOf(text, isPath))) throw refused('path_traversal')
  if (url.pathname !== root && !url.pathname.startsWith(`${root}/`))
    throw refused('outside_base_url')
  url.hash = ''
  return url
}

function pathOf(text: string, isPath: boolean): string {
  const [address = ''] = text.split(/[?#]/, 1)
  return isPath ? address : address.replace(/^https?:\/\/[^/]*/i, '')
}

/** Whether a segment is `.` or `..`, however often it is encoded. */
function hasDots(path: string): boolean {
  let text = path
  for (let round = 0; round < 4; round += 1) {
    if (text.split(/[/\\;]/).some((segment) => segment === '.' || segment === '..')) return true
    const decoded = text.replaceAll(/%(2e|2f|5c|25|3b)/gi, (escape) => decodeURIComponent(escape))
    if (decoded === text) return false
    text = decoded
  }
  return true
}

function refused(reason: string): GrantFault {
  return new GrantFault('TARGET', { reason })
}
