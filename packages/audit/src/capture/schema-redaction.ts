import type { Redaction } from './redaction.ts'

/**
 * What a JSON Schema marks as secret: `writeOnly: true`, `format: 'password'` or
 * `x-sensitive: true`, also behind properties, items, combinations and local references.
 */
export function schemaRedaction(schema: unknown): Redaction | undefined {
  return isObject(schema) ? schemaRule([schema], schema) : undefined
}

type Schema = Readonly<Record<string, unknown>>

// Schemas may be recursive, so that rules are made as far as a value reaches, and no further.
function schemaRule(schemas: readonly Schema[], root: Schema): Redaction {
  const all = combined(schemas, root)
  return {
    redact: all.some(isMarked),
    member: (name) => {
      const parts = all.flatMap((schema) => membersOf(schema, name)).filter(isObject)
      return parts.length === 0 ? undefined : schemaRule(parts, root)
    },
  }
}

/** The schemas with all that are joined to them: each one counts, for it may be the one that fits. */
function combined(schemas: readonly Schema[], root: Schema): readonly Schema[] {
  const all = new Set(schemas)
  // A set hands out what is added while it is walked.
  for (const schema of all) for (const part of joinedTo(schema, root)) all.add(part)
  return [...all]
}

function joinedTo(schema: Schema, root: Schema): readonly Schema[] {
  const { $ref, allOf, anyOf, oneOf } = schema
  const target = typeof $ref === 'string' ? resolve(root, $ref) : undefined
  const { if: condition, then, else: otherwise } = schema
  return [target, condition, then, otherwise, allOf, anyOf, oneOf].flat().filter(isObject)
}

function membersOf(schema: Schema, name: string): readonly unknown[] {
  const { properties, patternProperties, additionalProperties, items, prefixItems } = schema
  const own = isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined
  // Every pattern counts: to redact too much is the smaller mistake.
  const patterns = isObject(patternProperties) ? Object.values(patternProperties) : []
  return [own, patterns, additionalProperties, items, prefixItems].flat()
}

function isMarked(schema: Schema): boolean {
  const { writeOnly, format, 'x-sensitive': sensitive } = schema
  return writeOnly === true || format === 'password' || sensitive === true
}

function resolve(root: Schema, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined
  return reference
    .slice(1)
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>(
      (at, part) => (isObject(at) && Object.hasOwn(at, part) ? at[part] : undefined),
      root,
    )
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null
}
