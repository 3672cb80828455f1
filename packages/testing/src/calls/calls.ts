import type {
  CallToolResult,
  GetPromptResult,
  ReadResourceResult,
} from '@modelcontextprotocol/client'
import { type Answer, toAnswer } from './answer.ts'
import { type Caller, type CallTarget, withClient } from './connect.ts'

/**
 * Calls a tool as this caller, over a new connection.
 *
 * @returns what became of it; a refusal is an answer too
 * @throws TypeError for a server that is not protected, an identity over HTTP, or a token in memory
 *
 * @example
 * ```ts
 * import { callTool, testIdentity } from '@onbehalf/testing'
 *
 * const bob = testIdentity('bob', { organization: 'acme' })
 * const { verdict, reason } = await callTool(createServer, bob, 'close_books', { month: '2026-11' })
 * ```
 */
export function callTool(
  target: CallTarget,
  caller: Caller,
  name: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<Answer<CallToolResult>> {
  return withAnswer(
    target,
    caller,
    (client) => client.callTool({ name, arguments: { ...args } }),
    ({ content }) => textsOf(content),
  )
}

/** Reads a resource as this caller; like {@link callTool} in everything else. */
export function readResource(
  target: CallTarget,
  caller: Caller,
  uri: string,
): Promise<Answer<ReadResourceResult>> {
  return withAnswer(
    target,
    caller,
    (client) => client.readResource({ uri }),
    ({ contents }) => textsOf(contents),
  )
}

/** Gets a prompt as this caller; like {@link callTool} in everything else. */
export function getPrompt(
  target: CallTarget,
  caller: Caller,
  name: string,
  args: Readonly<Record<string, string>> = {},
): Promise<Answer<GetPromptResult>> {
  return withAnswer(
    target,
    caller,
    (client) => client.getPrompt({ name, arguments: { ...args } }),
    ({ messages }) => textsOf(messages.map(({ content }) => content)),
  )
}

/**
 * The names of the tools that this caller sees, sorted.
 *
 * @throws the client's error when the list is refused
 */
export async function listTools(target: CallTarget, caller: Caller): Promise<readonly string[]> {
  const { tools } = await withClient(target, caller, (client) => client.listTools())
  return tools.map(({ name }) => name).sort()
}

/** The names of the prompts that this caller sees, sorted; like {@link listTools}. */
export async function listPrompts(target: CallTarget, caller: Caller): Promise<readonly string[]> {
  const { prompts } = await withClient(target, caller, (client) => client.listPrompts())
  return prompts.map(({ name }) => name).sort()
}

/** The URIs of the resources that this caller sees, sorted; like {@link listTools}. */
export async function listResources(
  target: CallTarget,
  caller: Caller,
): Promise<readonly string[]> {
  const { resources } = await withClient(target, caller, (client) => client.listResources())
  return resources.map(({ uri }) => uri).sort()
}

type Client = Parameters<Parameters<typeof withClient>[2]>[0]

function withAnswer<R extends Record<string, unknown>>(
  target: CallTarget,
  caller: Caller,
  ask: (client: Client) => Promise<R>,
  textOf: (result: R) => string,
): Promise<Answer<R>> {
  return toAnswer(withClient(target, caller, ask), textOf)
}

function textsOf(parts: readonly object[]): string {
  return parts.flatMap((part) => ('text' in part ? [String(part.text)] : [])).join('\n')
}
