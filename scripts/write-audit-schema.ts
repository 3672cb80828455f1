/** Writes `docs/audit-event.schema.json`: run it when the shape of events changes. */
import { writeFileSync } from 'node:fs'
import { toJsonSchemaText } from '../packages/audit/test/schema/event-schema.ts'

writeFileSync(new URL('../docs/audit-event.schema.json', import.meta.url), toJsonSchemaText())
