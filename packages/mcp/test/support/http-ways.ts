import { onTestFinished } from 'vitest'
import { type Handle, host, modern, type Posted, post } from './http-host.ts'
import type { call } from './raw.ts'
import { type Setup, v1Stateful, v1Stateless, v2Entry, v2Stateful } from './runtimes.ts'

export type Send = (url: URL, body: ReturnType<typeof call>, caller?: string) => Promise<Posted>

/** Serves until the test is over. */
export async function serve(handle: Handle): Promise<URL> {
  const open = await host(handle)
  onTestFinished(() => open.close())
  return open.url
}

/** A way in which a server is run over HTTP, and how a call is sent to it. */
export interface HttpWay {
  readonly way: string
  readonly handle: Handle
  readonly send: Send
}

export const legacy: Send = (url, body, caller) =>
  post(url, body, caller === undefined ? {} : { 'x-caller': caller })
export const latest: Send = (url, { method, params, id }, caller) => {
  const { body, headers } = modern(method, params, id)
  return post(url, body, { ...headers, ...(caller && { 'x-caller': caller }) })
}

/** A request of a session of the caller's own. */
function inSession(handle: Handle): Pick<HttpWay, 'handle' | 'send'> {
  const sessions = new Map<string, string>()
  const open = async (url: URL): Promise<string> => {
    const clientInfo = { name: 'raw', version: '1' }
    const params = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo }
    const { headers } = await post(url, { jsonrpc: '2.0', id: 0, method: 'initialize', params })
    return headers.get('mcp-session-id') ?? ''
  }
  const send: Send = async (url, body, caller) => {
    const key = `${url.href} ${caller}`
    const session = sessions.get(key) ?? (await open(url))
    sessions.set(key, session)
    return post(url, body, { 'mcp-session-id': session, ...(caller && { 'x-caller': caller }) })
  }
  return { handle, send }
}

export function httpWays(setup: Setup = {}): readonly HttpWay[] {
  return [
    { way: 'v1 stateless', handle: v1Stateless(setup), send: legacy },
    { way: 'v1 stateful', ...inSession(v1Stateful(setup)) },
    { way: 'v1 stateful with JSON answers', ...inSession(v1Stateful(setup, true)) },
    { way: 'v2 legacy era', handle: v2Entry(setup), send: legacy },
    { way: 'v2 legacy era with sessions', ...inSession(v2Stateful(setup)) },
    { way: 'v2 2026-07-28 era', handle: v2Entry(setup), send: latest },
  ]
}
