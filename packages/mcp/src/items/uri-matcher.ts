/** What a template finds in a URI, as the SDKs hand it to a handler. */
export type Variables = Record<string, string | string[]>

/** A part of a template that matches text: itself, or a variable. */
type Part = string | Variable

interface Variable {
  readonly name: string
  /** Its value becomes a list where it holds commas. */
  readonly exploded: boolean
  readonly accepts: (code: number) => boolean
  /** Values between commas, none of them empty. */
  readonly isList: boolean
}

// Longer ones name nothing. RFC 9110 section 4.1 asks for at least 8000.
const maxUriLength = 8_192

/**
 * Compiles the text of a URI template. The result matches what the regular expressions of both SDK
 * generations match, and finds the same variables, in time that grows with the length of the URI and
 * not with a power of it: callers choose the URI.
 *
 * @returns undefined for a text that is not understood
 */
export function compileTemplate(text: string): ((uri: string) => Variables | null) | undefined {
  const parts = parseTemplate(text)
  if (parts === undefined) return undefined
  const [first] = parts
  const prefix = typeof first === 'string' ? first : ''
  const last = parts.at(-1)
  const suffix = typeof last === 'string' ? last : ''
  return (uri) => {
    if (uri.length > maxUriLength || !uri.startsWith(prefix) || !uri.endsWith(suffix)) return null
    return findVariables(parts, uri)
  }
}

// As the SDKs read a template, which is not all of RFC 6570.
function parseTemplate(text: string): readonly Part[] | undefined {
  const parts: Part[] = []
  for (let at = 0; at < text.length; ) {
    const open = text.indexOf('{', at)
    const literal = text.slice(at, open < 0 ? undefined : open)
    if (literal !== '') parts.push(literal)
    if (open < 0) break
    const close = text.indexOf('}', open)
    const found = close < 0 ? undefined : parseExpression(text.slice(open + 1, close))
    if (found === undefined) return undefined
    parts.push(...found)
    at = close + 1
  }
  return joinLiterals(parts)
}

function parseExpression(expression: string): readonly Part[] | undefined {
  const [, operator = '', rest = ''] = /^([+#./?&]?)(.*)$/s.exec(expression) ?? []
  const exploded = expression.includes('*')
  const names = rest
    .split(',')
    .map((name) => name.replace('*', '').trim())
    .filter((name) => name !== '')
  if (operator === '?' || operator === '&') return names.flatMap(toQuery(operator, exploded))
  const [name] = names
  if (name === undefined) return undefined
  const before = operator === '.' || operator === '/' ? [operator] : []
  const isAny = operator === '+' || operator === '#'
  const isList = exploded && operator !== '.' && !isAny
  const accepts = isAny ? isAnything : isSegment
  return [...before, { name: name.replace('*', ''), exploded, accepts, isList }]
}

function toQuery(operator: string, exploded: boolean) {
  return (name: string, index: number): Part[] => [
    `${index === 0 ? operator : '&'}${name}=`,
    { name: name.replace('*', ''), exploded, accepts: isQuery, isList: false },
  ]
}

function joinLiterals(parts: readonly Part[]): readonly Part[] {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (typeof part === 'string' && typeof last === 'string') joined.splice(-1, 1, last + part)
    else joined.push(part)
  }
  return joined
}

const comma = 0x2c
const slash = 0x2f
const ampersand = 0x26
const lineEnds = [0x0a, 0x0d, 0x2028, 0x2029]

const isSegment = (code: number): boolean => code !== slash && code !== comma
const isQuery = (code: number): boolean => code !== ampersand
const isAnything = (code: number): boolean => !lineEnds.includes(code)

/** Which places of a URI the rest of a template matches from: one table for each part, and the end. */
type Table = Uint8Array<ArrayBuffer>
type Reach = readonly Table[]

function findVariables(parts: readonly Part[], uri: string): Variables | null {
  const reach = findReach(parts, uri)
  if (reach[0]?.[0] !== 1) return null
  const variables: Variables = {}
  let at = 0
  for (const [index, part] of parts.entries()) {
    const end =
      typeof part === 'string' ? at + part.length : longest(part, uri, at, reach[index + 1])
    if (typeof part !== 'string') {
      const value = uri.slice(at, end)
      variables[part.name] = part.exploded && value.includes(',') ? value.split(',') : value
    }
    at = end
  }
  return variables
}

function findReach(parts: readonly Part[], uri: string): Reach {
  const end = new Uint8Array(uri.length + 1)
  end[uri.length] = 1
  const reach = [end]
  for (const part of parts.toReversed()) {
    const after = reach[0] ?? end
    reach.unshift(
      typeof part === 'string' ? beforeText(part, uri, after) : beforeVariable(part, uri, after),
    )
  }
  return reach
}

function beforeText(text: string, uri: string, after: Table): Table {
  const before = new Uint8Array(after.length)
  for (let at = after.indexOf(1, text.length); at >= 0; at = after.indexOf(1, at + 1)) {
    const start = at - text.length
    if (uri.startsWith(text, start)) before[start] = 1
  }
  return before
}

/** Backwards: what follows a character decides whether a value may begin with it. */
function beforeVariable(part: Variable, uri: string, after: Table): Table {
  const before = new Uint8Array(after.length)
  for (let at = uri.length - 1; at >= 0; at--) {
    if (!part.accepts(uri.charCodeAt(at))) continue
    const next = at + 1
    // The value ends here, continues, or continues with the next value of its list.
    const isNextValue = part.isList && uri.charCodeAt(next) === comma && before[next + 1] === 1
    if (after[next] === 1 || before[next] === 1 || isNextValue) before[at] = 1
  }
  return before
}

/** The last place at which a value may end, as a regular expression prefers it. */
function longest(part: Variable, uri: string, from: number, after: Table | undefined): number {
  let end = from
  for (let at = from; at < uri.length; at++) {
    const code = uri.charCodeAt(at)
    const isSeparator =
      part.isList && code === comma && uri.charCodeAt(at - 1) !== comma && at > from
    if (!isSeparator && !part.accepts(code)) break
    if (!isSeparator && after?.[at + 1] === 1) end = at + 1
  }
  return end
}
