const segmentShape = /^([0-9a-f]{16})-(\d{8,15})\.jsonl$/
const headsShape = /^([0-9a-f]{16})\.heads\.jsonl$/

/** One file of a chain. */
export interface SegmentName {
  readonly chain: string
  /** Counts from 1. */
  readonly number: number
  readonly file: string
}

export function segmentFile(chain: string, number: number): string {
  return `${chain}-${String(number).padStart(8, '0')}.jsonl`
}

export function headsFile(chain: string): string {
  return `${chain}.heads.jsonl`
}

/** Says that no process continues the chain any more. */
export function endedFile(chain: string): string {
  return `${chain}.ended`
}

/** The segments among the names of a directory, in their order. */
export function segmentsOf(names: readonly string[], chain: string): readonly SegmentName[] {
  return names
    .flatMap((file) => {
      const match = segmentShape.exec(file)
      return match?.[1] === chain ? [{ chain, number: Number(match[2]), file }] : []
    })
    .toSorted((a, b) => a.number - b.number)
}

/** The chains of which a directory has a segment or heads, by name. */
export function chainsOf(names: readonly string[]): readonly string[] {
  const chains = names.flatMap(
    (name) => segmentShape.exec(name)?.[1] ?? headsShape.exec(name)?.[1] ?? [],
  )
  return [...new Set(chains)].toSorted()
}
