import { type OneOrMore, requiredList } from '../internal/options.ts'
import { secureUrl } from '../internal/safe-url.ts'

/** Which of its resources a request to this server is for. */
export interface RequestedResource {
  /** Its identifier (RFC 8707), without a placeholder. */
  readonly id: string
  /** What the path of the request has in the place of `{organization}`: a name that the caller wrote. */
  readonly organization?: string
}

/** The resource that a request is for, by the path of its URL; undefined for a path that none has. */
export type ResourceOf = (request: {
  readonly url?: string | undefined
}) => RequestedResource | undefined

/** A resource as it was found, and the option that it was found by. */
export interface FoundResource {
  readonly resource: RequestedResource
  readonly stated: string
}

/** The resources of one authenticator. */
export interface Resources {
  /** As they were stated; a template with its placeholder. */
  readonly stated: readonly [string, ...string[]]
  /**
   * The one that a request is for, by the path of its URL alone: neither scheme nor host are looked at.
   * Absent where there is one, which every request is for.
   */
  readonly find?: (url: string | undefined) => FoundResource | undefined
}

const placeholder = '{organization}'
const maxLength = 1024
const literal = /^(?!\.{1,2}$)[A-Za-z0-9._~-]+$/
// Only what no URL parser and no proxy writes differently: no escape, so no escaped slash.
const organizationShape = /^(?!\.{1,2}$)[A-Za-z0-9._~-]{1,128}$/
const example = 'https://mcp.example.com/o/{organization}/mcp'

/**
 * Reads what the resources of a server are: one, a template with an organization in its path, or a list
 * of both.
 *
 * @throws TypeError with an example, for anything but a URL that a request's path can be compared with
 */
export function toResources(resource: OneOrMore<string>): Resources {
  if (!Array.isArray(resource) && !/[{}]/.test(String(resource))) {
    const one = resource as string
    secureUrl(one, 'resource')
    return { stated: [one] }
  }
  const stated = requiredList(resource, 'resource') as readonly [string, ...string[]]
  const places = stated.map(toPlace)
  assertDistinct(places)
  return { stated, find: createFind(places) }
}

/** A stated resource, taken apart. */
interface Place {
  readonly stated: string
  readonly origin: string
  readonly segments: readonly string[]
}

function toPlace(stated: string): Place {
  const sample = stated.replace(placeholder, 'organization')
  const { origin, href } = secureUrl(sample.replaceAll(/[{}]/g, '-'), 'resource')
  const segments = stated.slice(origin.length + 1).split('/')
  const named = segments.filter((segment) => segment === placeholder)
  const others = segments.filter((segment) => segment !== placeholder)
  // Not in the host: a proxy may change that one.
  const isInPath = href === sample && stated.startsWith(`${origin}/`)
  const isSound =
    isInPath && stated.length <= maxLength && others.every((text) => literal.test(text))
  if (isSound && named.length <= 1) return { stated, origin, segments }
  throw new TypeError(
    `resource must be a URL in its shortest form with a path of plain segments, of which one may be ${placeholder}: for example '${example}'`,
  )
}

/** @throws TypeError when a path would not tell which resource a request is for */
function assertDistinct(places: readonly Place[]): void {
  const [first] = places
  if (places.some(({ origin }) => origin !== first?.origin)) {
    throw new TypeError(
      `resource: all must have one scheme, host and port, since the path of a request says which one it is for: for example ['https://mcp.example.com/mcp', '${example}']`,
    )
  }
  const templates = places.filter(isTemplate)
  const seen = new Map<string, Place>()
  for (const place of places) {
    const same = seen.get(pathOf(place)) ?? templates.find((it) => it !== place && meet(it, place))
    if (same !== undefined) {
      throw new TypeError(
        `resource: '${same.stated}' and '${place.stated}' are for the same path: give them paths that differ, for example ['https://mcp.example.com/mcp', '${example}']`,
      )
    }
    seen.set(pathOf(place), place)
  }
}

function meet(one: Place, other: Place): boolean {
  if (one.segments.length !== other.segments.length) return false
  return one.segments.every((segment, at) => {
    const beside = other.segments[at]
    return segment === beside || segment === placeholder || beside === placeholder
  })
}

const isTemplate = ({ segments }: Place): boolean => segments.includes(placeholder)
const pathOf = ({ segments }: Place): string => `/${segments.join('/')}`

function createFind(places: readonly Place[]): NonNullable<Resources['find']> {
  const plain = new Map(
    places
      .filter((place) => !isTemplate(place))
      .map((place) => [
        pathOf(place),
        { stated: place.stated, resource: Object.freeze({ id: place.stated }) },
      ]),
  )
  const templates = places.filter(isTemplate).map((place) => {
    const [before = '', after = ''] = pathOf(place).split(placeholder)
    return { ...place, before, after }
  })
  return (url) => {
    const path = requestPath(url)
    if (path === undefined) return undefined
    const found = plain.get(path)
    if (found !== undefined) return found
    for (const { stated, origin, before, after } of templates) {
      if (!path.startsWith(before) || !path.endsWith(after)) continue
      const organization = path.slice(before.length, path.length - after.length)
      if (!organizationShape.test(organization)) continue
      const id = `${origin}${before}${organization}${after}`
      return { stated, resource: Object.freeze({ id, organization }) }
    }
    return undefined
  }
}

/** As it was sent: a parser would remove dot segments, which others may not. */
function requestPath(url: string | undefined): string | undefined {
  return /^(?:https?:\/\/[^/?#]*)?(\/[^?#]*)/i.exec(url ?? '')?.[1]
}
