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

  /** Whether all of the value is secret, or may be. */
  #isSecret(schema: Schema): boolean {
    if (isMarked(schema) || this.#isLost(schema)) return true
    return Object.entries(schema).some(
      ([keyword, value]) => reachOf(keyword) === 'whole' && this.#reachesSecret(schemasIn(value)),
    )
  }

  #reachesSecret(schemas: readonly Schema[]): boolean {
    const seen = new Set(schemas)
    for (const schema of seen) {
      if (isMarked(schema) || this.#isLost(schema)) return true
      for (const part of this.#leadsTo(schema)) seen.add(part)
    }
    return false
  }

  /** Whether a reference in it cannot be resolved. */
  #isLost(schema: Schema): boolean {
    return Object.entries(schema).some(
      ([keyword, value]) =>
        reachOf(keyword) === 'reference' && this.#references.resolve(schema, value).length === 0,
    )
  }

  #leadsTo(schema: Schema): readonly Schema[] {
    return Object.entries(schema)
      .flatMap(([keyword, value]) => [
        ...this.#aboutSame(schema, keyword, value),
        ...allMembersBy(keyword, value),
        ...(reachOf(keyword) === 'whole' ? schemasIn(value) : []),
      ])
      .filter(isSchema)
  }
}

function partsOf(schema: Schema, name: string): readonly unknown[] {
  return Object.entries(schema).flatMap(([keyword, value]) => membersBy(keyword, value, name))
}

/** Whatever may be a schema inside the value of a keyword. */
function schemasIn(value: unknown): readonly Schema[] {
  const seen = new Set([value])
  for (const part of seen) for (const inner of valuesOf(part)) seen.add(inner)
  return [...seen].filter(isSchema)
}

function valuesOf(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : []
}

function isMarked(schema: Schema): boolean {
  const { writeOnly, format, 'x-sensitive': sensitive } = schema
  const isSensitive = sensitive !== undefined && sensitive !== null && sensitive !== false
  return writeOnly === true || format === 'password' || isSensitive
}
