import { compileTemplate, type Variables } from './uri-matcher.ts'

/** The part of the SDKs' `UriTemplate` that is used. */
export interface UriTemplate {
  match: (uri: string) => unknown
  toString(): string
}

const bound = new WeakSet<UriTemplate['match']>()

/**
 * Gives a template a `match` that takes no longer than its URI is long, for the gate and the SDK alike:
 * theirs is a regular expression that can hold the process for seconds, for a caller whom nobody has
 * identified.
 *
 * An own `match` of the template is asked after it, and can only narrow what the text matches.
 */
export function bindTemplate(template: UriTemplate): UriTemplate {
  const given = template.match
  if (bound.has(given)) return template
  let compiled: ((uri: string) => Variables | null) | undefined
  const isOwn = isCustom(template)
  const value = (uri: string): unknown => {
    // Servers that are made for each request compile what they are asked for.
    compiled ??= compileTemplate(template.toString())
    if (compiled === undefined) return given.call(template, uri)
    const found = compiled(uri)
    return found !== null && isOwn ? given.call(template, uri) : found
  }
  bound.add(value)
  Reflect.defineProperty(template, 'match', { value, writable: true, configurable: true })
  return template
}

/** Whether it is not a plain `UriTemplate` of an SDK. */
function isCustom(template: UriTemplate): boolean {
  const prototype = Object.getPrototypeOf(template) as object | null
  const isBase = prototype !== null && Object.getPrototypeOf(prototype) === Object.prototype
  return Object.hasOwn(template, 'match') || !isBase
}
