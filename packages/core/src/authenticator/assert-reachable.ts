import type { Issuer } from '../issuer/issuer.ts'
import { type AnySource, sampleOf } from '../sources/source.ts'

// Sources that decide on every token of their issuer in their one header.
const kinds: readonly string[] = ['direct', 'signedHeader', 'enriched']

/**
 * Refuses two issuers of one name for one header: the first source decides on every token of that
 * name, and the rules of the second issuer would silently never apply.
 *
 * @throws TypeError naming issuer and header
 */
export function assertReachable(sources: readonly AnySource[]): void {
  const taken = new Map<string, Issuer<unknown>>()
  for (const [place, issuer] of sources.flatMap(decidedBy)) {
    const first = taken.get(place) ?? issuer
    if (first !== issuer) throw new TypeError(`sources: two issuers of ${place}`)
    taken.set(place, issuer)
  }
  for (const [place, source] of sources.entries()) assertAsked(source, sources.slice(0, place))
}

/** An earlier source that takes every opaque token would be shown keys that are not meant for it. */
function assertAsked(source: AnySource, earlier: readonly AnySource[]): void {
  const sample = sampleOf(source)
  if (sample === undefined) return
  const taking = earlier.find(
    ({ tokenHeaders, issuers }) =>
      tokenHeaders.includes(sample.header) && issuers.some((issuer) => issuer.recognizes(sample)),
  )
  if (taking === undefined) return
  throw new TypeError(
    `sources: ${taking.kind} before ${source.kind} takes what is in ${sample.header}; put ${source.kind} first`,
  )
}

type Place = readonly [name: string, issuer: Issuer<unknown>]

function decidedBy({ kind, tokenHeaders, issuers }: AnySource): readonly Place[] {
  if (!kinds.includes(kind) || tokenHeaders.length !== 1) return []
  return issuers.flatMap((issuer) => placesOf(issuer, tokenHeaders[0]))
}

function placesOf(issuer: Issuer<unknown>, header: string | undefined): readonly Place[] {
  // Such an issuer takes every token that is not a JWT, whatever it is called.
  if (issuer.opaque)
    return [[`opaque tokens in ${header}; the second would never be asked`, issuer]]
  return issuer.issuers.map((name) => {
    const place = `the name ${JSON.stringify(name)} in ${header}; give both sources the same issuer`
    return [place, issuer]
  })
}
