/** Whether something may be a schema with keywords in it. */
export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export type Schema = Readonly<Record<string, unknown>>

/** What a keyword says its value to be about. */
type Reach =
  /** The same value: one schema or a list of them. */
  | 'value'
  /** The same value, of a record of schemas. */
  | 'values'
  /** Any member of it. */
  | 'member'
  /** Members by their name. */
  | 'named'
  /** Members by the pattern of their name; each counts, for to redact too much is the smaller mistake. */
  | 'patterns'
  /** Members by their place, or any of them if it is one schema. */
  | 'placed'
  /** All of it, because what is inside is text or a name. */
  | 'whole'
  /** Another schema, by its name. */
  | 'reference'
  /** Nothing: it asserts something, annotates, or keeps schemas for references. */
  | 'nothing'

/** The keywords of JSON Schema, draft-04 to 2020-12, with those of OpenAPI and JSON Type Definition. */
const table: Readonly<Record<Reach, readonly string[]>> = {
  value: ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'extends'],
  values: ['dependentSchemas', 'dependencies'],
  member: [
    'additionalProperties',
    'unevaluatedProperties',
    'additionalItems',
    'unevaluatedItems',
    'contains',
    'values',
    'elements',
  ],
  named: ['properties', 'optionalProperties'],
  patterns: ['patternProperties'],
  placed: ['items', 'prefixItems'],
  whole: ['contentSchema', 'propertyNames'],
  reference: ['$ref', '$dynamicRef', '$recursiveRef'],
  nothing: [
    '$schema',
    '$id',
    'id',
    '$anchor',
    '$dynamicAnchor',
    '$recursiveAnchor',
    '$vocabulary',
    '$comment',
    '$defs',
    'definitions',
    'type',
    'enum',
    'const',
    'default',
    'examples',
    'example',
    'required',
    'dependentRequired',
    'discriminator',
    'xml',
    'externalDocs',
  ],
}

const reaches: ReadonlyMap<string, Reach> = new Map(
  Object.entries(table).flatMap(([reach, keywords]) =>
    keywords.map((keyword) => [keyword, reach as Reach] as const),
  ),
)

/** What a keyword is about. One that is not known may be about all of the value. */
export function reachOf(keyword: string): Reach {
  return reaches.get(keyword) ?? 'whole'
}

/** The schemas that a keyword applies to the member of a name. */
export function membersBy(keyword: string, value: unknown, name: string): readonly unknown[] {
  const reach = reachOf(keyword)
  if (reach === 'named') return isSchema(value) && Object.hasOwn(value, name) ? [value[name]] : []
  if (reach === 'placed' && Array.isArray(value)) return [value[Number(name)]]
  return allMembersBy(keyword, value)
}

/** All schemas that a keyword applies to members, whatever their name. */
export function allMembersBy(keyword: string, value: unknown): readonly unknown[] {
  const reach = reachOf(keyword)
  if (reach === 'member' || reach === 'placed') return [value].flat()
  if (reach !== 'named' && reach !== 'patterns') return []
  return isSchema(value) ? Object.values(value) : []
}
