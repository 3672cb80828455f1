import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import * as z from 'zod'
import type { Generation } from './raw.ts'

// What tests use of a server is spelled alike in both generations.
export type AnyServer = McpServerV1

export const nothing = z.object({})

export function makeServer(generation: Generation, options: object = {}): AnyServer {
  const info = { name: 'test', version: '1.0.0' }
  return generation === 'v1'
    ? new McpServerV1(info, options)
    : (new McpServerV2(info, options) as unknown as AnyServer)
}

export function reply(text: string) {
  return { content: [{ type: 'text' as const, text }] }
}

/** A promise and the function that fulfills it. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
