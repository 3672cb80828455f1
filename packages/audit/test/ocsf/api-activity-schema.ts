import { z } from 'zod'

const text = z.string().min(1)
const count = z.int().nonnegative()

/** OCSF asks for one of several members, without saying which. */
function someOf<T extends z.ZodObject>(shape: T, names: readonly string[]): T {
  return shape.refine((value) => names.some((name) => name in value), `one of ${names.join(', ')}`)
}

const entity = { name: text.optional(), uid: text.optional() }
const named = ['name', 'uid']

const user = z.strictObject({
  ...entity,
  // Service is one since version 1.6.0.
  type_id: z.union([z.literal(1), z.literal(4)]),
  org: someOf(z.strictObject(entity), named).optional(),
})

const authorization = z.strictObject({
  decision: z.enum(['allow', 'deny']),
  policy: someOf(z.strictObject(entity), named).optional(),
})

const actor = z.strictObject({
  app_name: text.optional(),
  app_uid: text.optional(),
  authorizations: z.array(authorization).optional(),
  idp: someOf(z.strictObject(entity), named).optional(),
  user: someOf(user, named).optional(),
})

const api = z.strictObject({
  operation: text,
  request: z.strictObject({ uid: text }).optional(),
  response: z.strictObject({ error: text }).optional(),
  service: someOf(z.strictObject({ ...entity, version: text.optional() }), named).optional(),
})

const product = z.strictObject({ ...entity, vendor_name: text, version: text.optional() })

const metadata = z.strictObject({
  version: z.literal('1.7.0'),
  product: someOf(product, named),
  uid: text,
  correlation_uid: text,
  event_code: z.enum(['intent', 'result', 'refusal']),
  profiles: z.tuple([z.literal('trace')]).optional(),
})

/**
 * What OCSF 1.7.0 says of API Activity (class 6003), as far as events go: no member that the class
 * lacks or has deprecated, all that it requires, and the constraints of its objects.
 */
export const apiActivitySchema = z
  .strictObject({
    activity_id: z.union([z.literal(2), z.literal(99)]),
    activity_name: text,
    category_uid: z.literal(6),
    class_uid: z.literal(6003),
    type_uid: z.int(),
    time: count,
    duration: count.optional(),
    severity_id: z.union([z.literal(1), z.literal(2)]),
    status_id: z.union([z.literal(0), z.literal(1), z.literal(2)]),
    status: z.enum(['Unknown', 'Success', 'Failure']),
    status_detail: text.optional(),
    metadata,
    actor: someOf(actor, ['user', 'app_name', 'app_uid']),
    api,
    src_endpoint: z.strictObject({ name: text }),
    resources: z
      .array(someOf(z.strictObject({ ...entity, type: text.optional() }), named))
      .optional(),
    trace: z.strictObject({ uid: z.string().regex(/^[0-9a-f]{32}$/) }).optional(),
    unmapped: z.record(z.string(), z.unknown()).optional(),
  })
  .refine((event) => event.type_uid === event.class_uid * 100 + event.activity_id, 'type_uid')
  .refine((event) => (event.trace === undefined) === (event.metadata.profiles === undefined))
