/** Writes the table of presets in `docs/issuers.md`: run it when a row of their tests changes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { withTable } from '../packages/core/test/presets/documented/table.ts'

const page = new URL('../docs/issuers.md', import.meta.url)
writeFileSync(page, withTable(readFileSync(page, 'utf8')))
