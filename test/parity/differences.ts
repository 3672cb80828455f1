import type { Behaviour } from './behaviours.ts'
import type { Guarding, Way } from './ways.ts'

type Change = (text: string) => string

/** The differences that docs/conformance.md names, by what a client does. */
const changes: Readonly<Record<string, Change>> = {
  // Nothing tells another caller's task from none.
  'asks for tasks that are not there': (text) =>
    text.replace(
      /MCP error -32602: (?:Failed to retrieve task: Task not found|Task not found: none)/g,
      'Task not found',
    ),
  // What a caller wrote is not repeated to the operator.
  'answers questions that nobody asked': (text) =>
    text.replace(
      /Received a response for an unknown message ID: (?:[^"\\]|\\.)*/g,
      'Received an answer to what its sender was not asked',
    ),
}

/** What a client of a guarded server sees, where a client of a bare one sees this. */
export function intended(bare: unknown, { does }: Behaviour): unknown {
  const change = changes[does]
  return change === undefined ? bare : JSON.parse(change(JSON.stringify(bare)))
}

const subscription = 'io.modelcontextprotocol/subscriptionId'

/**
 * What is compared. A guard that takes time decides on an update while the call that caused it is
 * answered already: then the messages of a stream and the answers are two sequences.
 */
export function comparable(
  seen: unknown,
  { does }: Behaviour,
  guarding: Guarding,
  way: Way,
): unknown {
  const isSplit = does === 'listens on its line' && guarding.startsWith('slowly') && way.isModern
  if (isSplit !== true) return seen
  const { seen: messages } = seen as { readonly seen: readonly object[] }
  const ofStream = (message: object): boolean => {
    const { params } = message as { params?: { _meta?: Record<string, unknown> } }
    return params?._meta?.[subscription] !== undefined
  }
  return { stream: messages.filter(ofStream), answers: messages.filter((it) => !ofStream(it)) }
}
