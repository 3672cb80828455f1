/** One thing that was looked at, and whether it was as it has to be. */
export interface Finding {
  readonly what: string
  readonly got: unknown
  readonly expected: string
  readonly ok: boolean
}

/** Collects what a scenario found; a broken bound does not stop it, so that all of them show. */
export interface Findings {
  readonly all: readonly Finding[]
  equal(what: string, got: unknown, expected: unknown): void
  atMost(what: string, got: number, limit: number): void
  atLeast(what: string, got: number, limit: number): void
}

export function createFindings(): Findings {
  const all: Finding[] = []
  return {
    all,
    equal(what, got, expected) {
      const [shown, wanted] = [JSON.stringify(got), JSON.stringify(expected)]
      all.push({ what, got, expected: wanted, ok: shown === wanted })
    },
    atMost(what, got, limit) {
      all.push({ what, got, expected: `at most ${limit}`, ok: got <= limit })
    },
    atLeast(what, got, limit) {
      all.push({ what, got, expected: `at least ${limit}`, ok: got >= limit })
    },
  }
}

/** One fault of a key source, played against real HTTP servers. */
export interface Scenario {
  readonly id: string
  readonly title: string
  readonly run: (found: Findings) => Promise<void>
}
