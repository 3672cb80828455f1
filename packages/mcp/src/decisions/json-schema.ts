import { isRecord } from '../wire/json-rpc.ts'

type Direction = 'input' | 'output'
type Options = { readonly target: 'draft-2020-12'; readonly libraryOptions?: object }
type Convert = (options: Options) => unknown
type Converters = Readonly<Record<Direction, Convert>>

// Whatever it may be, nothing of the value is shown.
const unreadable = { 'x-sensitive': true }

const converted = new WeakMap<object, Partial<Record<Direction, unknown>>>()

/**
 * The JSON Schema that a schema writes of itself (Standard JSON Schema), as zod 4.2 does, or that it
 * is; undefined for one that cannot say, such as a schema of zod 3. One that fails to counts as
 * sensitive as a whole.
 */
export function jsonSchemaOf(schema: unknown, direction: Direction): unknown {
  if (!isRecord(schema)) return undefined
  const known = converted.get(schema) ?? {}
  if (!(direction in known)) known[direction] = convert(schema, direction)
  converted.set(schema, known)
  return known[direction]
}

function convert(schema: Readonly<Record<string, unknown>>, direction: Direction): unknown {
  const { '~standard': standard, shape } = schema
  const { jsonSchema } = (standard ?? {}) as { jsonSchema?: Converters }
  if (jsonSchema) return bothWays(jsonSchema, direction)
  // SDK v1 puts a bare list of parameters into an object that does not write itself.
  if (isRecord(shape)) return { properties: ofEach(shape, direction) }
  return isJsonSchema(schema) ? schema : undefined
}

// A mark may be on what a value is turned into, and what goes in then holds the same secret.
function bothWays(converters: Converters, direction: Direction): unknown {
  const other = direction === 'input' ? 'output' : 'input'
  const own = write(converters[direction])
  return own === undefined ? unreadable : { anyOf: [own, write(converters[other]) ?? {}] }
}

function write(converter: Convert): unknown {
  const target = 'draft-2020-12'
  try {
    return converter({ target })
  } catch {
    // zod writes nothing for what JSON cannot say, such as a transformation, only if asked to.
    try {
      return converter({ target, libraryOptions: { unrepresentable: 'any' } })
    } catch {
      return undefined
    }
  }
}

/** A schema of a low-level server, or of a library that hands on what it was given. */
function isJsonSchema(schema: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(schema)
  return prototype === Object.prototype || prototype === null
}

function ofEach(shape: Readonly<Record<string, unknown>>, direction: Direction): object {
  const entries = Object.entries(shape)
  return Object.fromEntries(entries.map(([name, part]) => [name, jsonSchemaOf(part, direction)]))
}
