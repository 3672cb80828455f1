import type { AuditTrail } from '@onbehalf/core'
import type { Received } from '../ambient/channels.ts'
import type { Target } from '../items/items.ts'
import { callerOf } from '../owners/session-owner.ts'
import { isRecord, type Message, paramsOf } from '../wire/json-rpc.ts'

type Asking = Received & { readonly target: Target }

type Schemas = Readonly<Record<string, unknown>>

const mostKept = 1_000

// Servers are made again for each request, while their trail stays.
const asked = new WeakMap<AuditTrail, Map<string, Schemas>>()

/**
 * Keeps the schemas of questions that a tool asks its caller, until they are answered in another request
 * (MCP 2026-07-28). Those that had to be forgotten, or that another process asked, are not known.
 */
export function keepQuestions(
  trail: AuditTrail,
  open: Asking,
  questions: Schemas,
  answer: Message,
): void {
  const kept = asked.get(trail) ?? new Map<string, Schemas>()
  asked.set(trail, kept)
  const [oldest] = kept.keys()
  if (oldest !== undefined && kept.size >= mostKept) kept.delete(oldest)
  const schemas = Object.entries(questions).map(([name, question]) => [name, schemaOf(question)])
  kept.set(keyOf(open, answer.result), Object.fromEntries(schemas))
}

/** The schemas that the answers in a request were asked for with, by the name of each. */
export function requestedSchemasOf(trail: AuditTrail | undefined, open: Asking): Schemas {
  const kept = trail && asked.get(trail)?.get(keyOf(open, paramsOf(open.request)))
  return kept ?? {}
}

function schemaOf(question: unknown): unknown {
  const params = isRecord(question) ? question['params'] : undefined
  return isRecord(params) ? params['requestedSchema'] : undefined
}

/** The state comes back as it was sent. */
function keyOf({ request, target, identity }: Asking, holder: unknown): string {
  const state = isRecord(holder) ? holder['requestState'] : undefined
  return JSON.stringify([callerOf(identity), request.method, target.name ?? null, state ?? null])
}
