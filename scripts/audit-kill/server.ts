/**
 * A guarded MCP server that answers calls as soon as its way of keeping records lets it:
 * `server.ts MODE DIRECTORY`. Reads the keys of its issuer from the directory, and prints its port.
 */
import { createWriteStream, readFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
import { type AuditTrail, createAuthenticator, direct, issuer } from '@onbehalf/core'
import { authenticate } from '@onbehalf/express'
import { protect, requireOrg } from '@onbehalf/mcp'
import { z } from 'zod'
import { type KeepMode, people, resource, toolName } from './modes.ts'

/** How a server keeps records: in its audit trail, or by what its tool does on its own. */
interface Keeping {
  readonly audit?: AuditTrail
  readonly keep?: (call: string) => void
}

const [mode = '', directory = '.'] = process.argv.slice(2)

async function strict(): Promise<Keeping> {
  const signer = await localSigner(join(directory, 'key.pem'))
  const sink = fileSink({ directory: join(directory, 'log'), signer })
  await sink.ready()
  const levels = { default: 'arguments' } as const
  const audit = createAuditTrail({ sink, mode: 'strict', key: Buffer.alloc(32, 1), levels })
  return { audit }
}

/** Writes to a stream and does not wait for it. */
function stream(): Keeping {
  const file = createWriteStream(join(directory, 'calls.log'))
  return { keep: (call) => void file.write(`${call}\n`) }
}

/** Keeps lines in memory and writes them every so many milliseconds. */
function interval(milliseconds: number): Keeping {
  let waiting = ''
  setInterval(() => {
    const text = waiting
    waiting = ''
    void appendFile(join(directory, 'calls.log'), text)
  }, milliseconds)
  return {
    keep: (call) => {
      waiting += `${call}\n`
    },
  }
}

const modes: Readonly<Record<KeepMode, () => Keeping | Promise<Keeping>>> = {
  strict,
  stream,
  'interval of 100 ms': () => interval(100),
  'batch of 5 s': () => interval(5_000),
}

const { audit, keep } = await modes[mode as KeepMode]()

function createMcpServer(): McpServer {
  const server = protect(
    new McpServer({ name: 'invoices', version: '1.0.0' }),
    audit === undefined ? {} : { audit },
  )
  server.registerTool(
    toolName,
    { inputSchema: z.object({ call: z.string() }) },
    requireOrg(async ({ call }) => {
      await new Promise((resolve) => setImmediate(resolve))
      keep?.(call)
      return { content: [{ type: 'text', text: call }] }
    }),
  )
  return server
}

const jwks = JSON.parse(readFileSync(join(directory, 'jwks.json'), 'utf8')) as never
const authenticator = createAuthenticator({
  resource,
  sources: [
    direct({
      issuer: issuer({
        issuer: people,
        audience: resource,
        keys: { jwks },
        claimMap: { organization: 'org' },
      }),
    }),
  ],
  ...(audit && { audit }),
})
const admit = authenticate(authenticator)
const handle = toNodeHandler(createMcpHandler(createMcpServer))
const server = createServer((request, response) => {
  admit(request, response, () => void handle(request as never, response))
})
server.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port)
})
