/** Writes `docs/audit-event.schema.json`: run it when the shape of events changes. */
import { writeFileSync } from 'node:fs'
import { toJsonSchemaText } from './event-schema.ts'

const target = new URL('../../../../docs/audit-event.schema.json', import.meta.url)
writeFileSync(target, toJsonSchemaText())
