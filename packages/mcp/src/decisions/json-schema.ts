import { isRecord } from '../wire/json-rpc.ts'

type Direction = 'input' | 'output'
type Convert = (options: { readonly target: 'draft-2020-12' }) => unknown

// Whatever it may be, nothing of the value is shown.
const unreadable = { 'x-sensitive': true }

/**
 * The JSON Schema that a schema writes of itself (Standard JSON Schema), as zod 4.2 does; undefined
 * for one that cannot, such as a schema of zod 3. One that fails to counts as sensitive as a whole.
 */
export function jsonSchemaOf(schema: unknown, direction: Direction): unknown {
  if (!isRecord(schema)) return undefined
  const { '~standard': standard, shape } = schema
  const { jsonSchema } = (standard ?? {}) as { jsonSchema?: Record<Direction, Convert> }
  try {
    if (jsonSchema) return jsonSchema[direction]({ target: 'draft-2020-12' })
  } catch {
    return unreadable
  }
  // SDK v1 puts a bare list of parameters into an object that does not write itself.
  return isRecord(shape) ? { properties: ofEach(shape, direction) } : undefined
}

function ofEach(shape: Readonly<Record<string, unknown>>, direction: Direction): object {
  const entries = Object.entries(shape)
  return Object.fromEntries(entries.map(([name, part]) => [name, jsonSchemaOf(part, direction)]))
}
