/** What claims to cover our attack ids, and what has to. */
export interface Coverage {
  /** Text with a table row for each attack that has to be covered; the page's own rows otherwise. */
  readonly sheet?: string
  /** `docs/security.md`. */
  readonly page: string
  /** Names of the tests that run. */
  readonly tests: readonly string[]
}

interface Row {
  readonly id: string
  /** The test that the page names. */
  readonly test: string
}

/** Families of attacks that the suite proves; the rest of the alphabet is no concern of it. */
export const families: readonly string[] = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J']

/**
 * Compares the attacks of one family with the page and the tests.
 *
 * @returns a line for each attack without a row, each row without a running test of that name and
 *   each test without a row
 */
export function compareThreats(family: string, { sheet, page, tests }: Coverage): string[] {
  const rows = rowsOf(page).filter(({ id }) => familyOf(id) === family)
  const listed = rows.map(({ id }) => id)
  const required = sheet === undefined ? [] : idsOf(sheet).filter((id) => familyOf(id) === family)
  const tested = new Set(tests.flatMap((name) => idAtStart(name) ?? []))
  return [
    ...required.filter((id) => !listed.includes(id)).map((id) => `${id} has no row on the page`),
    ...required.filter((id) => !tested.has(id)).map((id) => `${id} has no running test`),
    ...listed.filter((id, at) => listed.indexOf(id) !== at).map((id) => `${id} has two rows`),
    ...rows.flatMap((row) => unproved(row, tests)),
    ...[...tested]
      .filter((id) => familyOf(id) === family && !listed.includes(id))
      .map((id) => `${id} has a test and no row`),
    ...(listed.length === 0 ? [`family ${family} has no row`] : []),
  ]
}

/** The ids of a sheet: the first cell of its table rows. */
export function idsOf(sheet: string): string[] {
  return [...sheet.matchAll(/^\| ([A-Z]\d+) \|/gm)].map(([, id]) => id as string)
}

function unproved({ id, test }: Row, tests: readonly string[]): string[] {
  if (idAtStart(test) !== id) return [`${id} names a test of another id`]
  if (tests.some((name) => name.startsWith(test))) return []
  return [`${id} names a test that does not run: ${test}`]
}

function rowsOf(page: string): Row[] {
  const lines = page.split('\n').filter((line) => /^\| [A-Z]\d+ \|/.test(line))
  return lines.map((line) => {
    const cells = line.split('|').map((cell) => cell.trim())
    return { id: cells[1] ?? '', test: cells.at(-2) ?? '' }
  })
}

function familyOf(id: string): string {
  return id.slice(0, 1)
}

function idAtStart(name: string): string | undefined {
  return /^([A-Z]\d+) /.exec(name)?.[1]
}
