import type { Redaction } from '../redaction.ts'
import { allMembersBy, isSchema, membersBy, reachOf, type Schema } from './keywords.ts'
import { References } from './references.ts'

/**
 * What a JSON Schema marks as secret: `writeOnly: true`, `format: 'password'` or `x-sensitive`, also
 * behind everything that can lead there. Where it is not known whether something is secret, it is: a
 * reference that cannot be resolved, and a mark inside a keyword that is not known.
 */
export function schemaRedaction(schema: unknown): Redaction | undefined {
  if (!isSchema(schema)) return undefined
  const known = documents.get(schema) ?? new Document(schema)
  documents.set(schema, known)
  return known.ruleFor([schema])
}

const documents = new WeakMap<Schema, Document>()

/** A schema with all the schemas in it. */
class Document {
  readonly #references: References

  constructor(root: Schema) {
    this.#references = new References(root)
  }

  // Schemas may be recursive, so that rules are made as far as a value reaches, and no further.
  ruleFor(schemas: readonly Schema[]): Redaction {
    const all = this.#combined(schemas)
    return {
      redact: all.some((schema) => this.#isSecret(schema)),
      redactsAny: () => this.#reachesSecret(schemas),
      member: (name) => {
        const parts = all.flatMap((schema) => partsOf(schema, name)).filter(isSchema)
        return parts.length === 0 ? undefined : this.ruleFor(parts)
      },
    }
  }

  /** The schemas with all that are joined to them: each one counts, for it may be the one that fits. */
  #combined(schemas: readonly Schema[]): readonly Schema[] {
    const all = new Set(schemas)
    // A set hands out what is added while it is walked.
    for (const schema of all) for (const part of this.#joinedTo(schema)) all.add(part)
    return [...all]
  }

  #joinedTo(schema: Schema): readonly Schema[] {
    return Object.entries(schema)
      .flatMap(([keyword, value]) => this.#aboutSame(schema, keyword, value))
      .filter(isSchema)
  }

  #aboutSame(schema: Schema, keyword: string, value: unknown): readonly unknown[] {
    const reach = reachOf(keyword)
    if (reach === 'value') return [value].flat()
    if (reach === 'values') return isSchema(value) ? Object.values(value) : []
    return reach === 'reference' ? this.#references.resolve(schema, value) : []
  }

  #isSecret(schema: Schema): boolean {
    return isMarked(schema) || Object.entries(schema).some((entry) => this.#isHiding(schema, entry))
  }

  /** Whether a keyword makes all of the value secret, or may do so. */
  #isHiding(schema: Schema, [keyword, value]: readonly [string, unknown]): boolean {
    const reach = reachOf(keyword)
    if (reach === 'reference') return this.#references.resolve(schema, value).length === 0
    return reach === 'whole' && this.#reachesSecret(schemasIn(value))
  }

  #reachesSecret(schemas: readonly Schema[]): boolean {
    const seen = new Set(schemas)
    for (const schema of seen) {
      if (isMarked(schema)) return true
      for (const [keyword, value] of Object.entries(schema)) {
        const isLost = reachOf(keyword) === 'reference'
        const next = [...this.#aboutSame(schema, keyword, value), ...allMembersBy(keyword, value)]
        if (isLost && next.length === 0) return true
        const inside = reachOf(keyword) === 'whole' ? schemasIn(value) : []
        for (const part of [...next.filter(isSchema), ...inside]) seen.add(part)
      }
    }
    return false
  }
}

function partsOf(schema: Schema, name: string): readonly unknown[] {
  return Object.entries(schema).flatMap(([keyword, value]) => membersBy(keyword, value, name))
}

/** Whatever may be a schema inside the value of a keyword. */
function schemasIn(value: unknown): readonly Schema[] {
  const seen = new Set([value])
  for (const part of seen) {
    if (typeof part === 'object' && part !== null)
      for (const inner of Object.values(part)) seen.add(inner)
  }
  return [...seen].filter(isSchema)
}

function isMarked(schema: Schema): boolean {
  const { writeOnly, format, 'x-sensitive': sensitive } = schema
  const isSensitive = sensitive !== undefined && sensitive !== null && sensitive !== false
  return writeOnly === true || format === 'password' || isSensitive
}
