import type { AuditEvent } from '@onbehalf/audit'
import type { Actor } from '@onbehalf/core'
import { z } from 'zod'

const text = z.string()
const hash = z.string().regex(/^[\w-]{43}$/)

const actor: z.ZodType<Actor> = z.strictObject({
  issuer: text.optional(),
  subject: text,
  get actor() {
    return actor.optional()
  },
}) as z.ZodType<Actor>

const captured = z.strictObject({
  hash: hash.meta({ description: 'HMAC-SHA-256 of the whole value in canonical form, base64url' }),
  value: z.unknown().optional().meta({ description: 'The value, redacted and cut to size' }),
  truncated: z
    .literal(true)
    .optional()
    .meta({ description: 'Something was left out for its size, depth or type' }),
})

/** The shape of an event, from which `docs/audit-event.schema.json` is made. */
export const eventSchema = z
  .strictObject({
    id: z.uuid(),
    time: z.iso.datetime({ precision: 3 }).meta({ description: 'UTC; tells no order' }),
    type: z.enum(['intent', 'exchange', 'result', 'refusal']),
    intent: z
      .uuid()
      .optional()
      .meta({ description: 'On a result or an exchange: the intent that it belongs to' }),
    principal: z
      .strictObject({ issuer: text, subject: text, kind: z.enum(['user', 'service']) })
      .optional()
      .meta({ description: 'Who the call is for: unique by issuer and subject' }),
    organization: z.strictObject({ id: text, name: text.optional() }).optional(),
    actor: actor.optional().meta({ description: 'Who acted for the principal, outermost first' }),
    client: text.optional().meta({ description: 'OAuth client of the principal' }),
    resource: z
      .strictObject({ id: text, organization: text.optional() })
      .optional()
      .meta({ description: 'Which of several resources the request was for, by its path' }),
    gateway: z.strictObject({ issuer: text, client: text }).optional(),
    source: text.meta({ description: 'Kind of the source that decided' }).optional(),
    credential: z
      .union([z.strictObject({ jti: text }), z.strictObject({ hash })])
      .optional()
      .meta({ description: 'Which credential was used; never the credential' }),
    method: text.meta({ description: 'MCP method' }),
    target: z.strictObject({ kind: z.enum(['tool', 'resource', 'prompt']), name: text }).optional(),
    arguments: captured.optional(),
    inputResponses: captured.optional().meta({
      description: 'What the caller answered to the questions of a tool, by the name of each',
    }),
    result: captured.optional(),
    exchange: z
      .strictObject({
        api: text,
        grant: text,
        outcome: z.enum(['fresh', 'cached', 'refused']),
        scopes: z.array(text).readonly(),
        tokenId: text.optional(),
        reason: text.optional(),
      })
      .optional()
      .meta({ description: 'The token for another API that the call needed' }),
    decision: z.strictObject({
      effect: z.enum(['allow', 'deny']),
      guard: text.optional(),
      reason: text.optional(),
      code: z
        .enum(['MISSING', 'REQ', 'TOK', 'SCOPE', 'BIND', 'DOWN', 'AUDIT', 'SESS', 'LIMIT'])
        .optional(),
      requestId: text.optional(),
    }),
    outcome: z.enum(['ok', 'tool_error', 'thrown', 'cancelled']).optional(),
    errorCode: z.int().optional(),
    durationMs: z.number().nonnegative().optional(),
    trace: z
      .strictObject({
        id: z.string().regex(/^[0-9a-f]{32}$/),
        parent: z.string().regex(/^[0-9a-f]{16}$/),
        sampled: z.boolean(),
      })
      .optional()
      .meta({ description: 'What the W3C traceparent of the call says' }),
    server: z.strictObject({ name: text, version: text }).optional(),
    dropped: z
      .int()
      .positive()
      .optional()
      .meta({ description: 'Events before this one that could not be recorded' }),
  })
  .meta({ title: 'Onbehalf audit event' })

type Exact<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Plain<T> = T extends object ? { -readonly [K in keyof T]: Plain<Exclude<T[K], undefined>> } : T

/** Fails to compile when the schema and the type of an event differ. */
export const isSameType: Exact<Plain<z.infer<typeof eventSchema>>, Plain<AuditEvent>> = true

/** The schema as JSON Schema, draft 2020-12. */
export function toJsonSchemaText(): string {
  return `${JSON.stringify(z.toJSONSchema(eventSchema), null, 2)}\n`
}
