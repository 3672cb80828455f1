import type { Registered } from '../items/item-table.ts'
import type { Items, Target } from '../items/items.ts'
import { jsonSchemaOf } from './json-schema.ts'

/** A request, and what it is about. */
interface Recorded {
  readonly request: { readonly method: string }
  readonly target: Target
}

/** What the arguments of a call, or of a completion, are declared to be. */
export function argumentsSchemaOf({ item, listed }: Target): unknown {
  if (item === undefined) return listed?.inputSchema
  const { inputSchema, argsSchema } = item.registered
  return jsonSchemaOf(inputSchema ?? argsSchema, 'input')
}

/** What a result is declared to be. */
export function resultSchemaOf(items: Items, { request, target }: Recorded): unknown {
  const structuredContent = request.method.startsWith('tasks/')
    ? anyOutput(items)
    : outputOf(target.item?.registered ?? target.listed)
  return structuredContent && { properties: { structuredContent } }
}

function outputOf(tool: Pick<Registered, 'outputSchema'> | null | undefined): unknown {
  return jsonSchemaOf(tool?.outputSchema, 'output')
}

/** A task is known by its id alone, and may be of another process: its result may be any tool's. */
function anyOutput(items: Items): unknown {
  const outputs = items.tool.all().flatMap(({ registered }) => outputOf(registered) ?? [])
  return outputs.length === 0 ? undefined : { anyOf: outputs }
}
