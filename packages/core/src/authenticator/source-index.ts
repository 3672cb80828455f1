import type { Credentials } from '../credentials/credentials.ts'
import type { AnySource } from '../sources/source.ts'
import { isRepeatable } from '../verdicts/conditions.ts'

/** One source and its place in the configured order. */
interface Placed {
  readonly source: AnySource
  readonly place: number
}

/**
 * The configured sources in their order. A `direct` one applies to tokens with an `iss` of its issuer and
 * to nothing else, so that it is found by name; the others are asked. A server with an issuer for each of
 * 10,000 tenants looks at one of them.
 */
export class SourceIndex {
  readonly all: readonly AnySource[]
  readonly #named = new Map<unknown, Placed>()
  readonly #asked: readonly Placed[]

  constructor(sources: readonly AnySource[]) {
    this.all = sources
    const placed = sources.map((source, place) => ({ source, place }))
    this.#asked = placed.filter(({ source }) => !isFoundByName(source))
    for (const one of placed) if (isFoundByName(one.source)) this.#add(one)
  }

  /** The first source that applies. */
  first(credentials: Credentials): AnySource | undefined {
    const named = this.#named.get(credentials.token('authorization')?.token?.claims['iss'])
    const before = named?.place ?? this.all.length
    const asked = this.#asked.find(
      ({ source, place }) => place < before && source.applies(credentials),
    )
    return (asked ?? named)?.source
  }

  /** Of several sources of one issuer, the first decides. */
  #add(placed: Placed): void {
    for (const name of placed.source.authorizationIssuer?.issuers ?? []) {
      if (!this.#named.has(name)) this.#named.set(name, placed)
    }
  }
}

/** What a user built around a source or an issuer may recognize other tokens. */
function isFoundByName(source: AnySource): boolean {
  const { kind, authorizationIssuer: issuer } = source
  if (kind !== 'direct' || !isRepeatable(source) || issuer === undefined) return false
  return isRepeatable(issuer) && issuer.family === undefined
}
