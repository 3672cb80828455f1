/** One of the servers of a comparison: `audited-server.ts KIND DIRECTORY`. Prints its port. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
import { pino } from 'pino'
import { createGuardedSite, inputSchema, toolName } from '../../test/e2e/support/guarded-site.ts'

export type ServerKind = 'bare' | 'guarded' | 'guarded, pino' | 'guarded, strict audit'

const [kind = '', directory = '.'] = process.argv.slice(2)

/** The same server without any of Onbehalf. */
function bare(): Server {
  const createMcpServer = (): McpServer => {
    const server = new McpServer({ name: 'invoices', version: '1.0.0' })
    server.registerTool(toolName, { inputSchema }, async (args) => {
      await new Promise((resolve) => setImmediate(resolve))
      return { content: [{ type: 'text', text: args.call }] }
    })
    return server
  }
  const handle = toNodeHandler(createMcpHandler(createMcpServer))
  return createServer((req, res) => void handle(req as never, res))
}

async function strict(): Promise<Server> {
  const signer = await localSigner(join(directory, 'key.pem'))
  const sink = fileSink({ directory: join(directory, 'log'), signer })
  await sink.ready()
  const audit = createAuditTrail({ mode: 'strict', key: Buffer.alloc(32, 1), sink })
  return createGuardedSite({ jwks, audit })
}

/** Two lines a call, as the trail writes; in memory when the call is answered. */
function logged(): Server {
  const file = { dest: join(directory, 'pino.log'), sync: false, minLength: 4096 }
  const logger = pino({}, pino.destination(file))
  return createGuardedSite({
    jwks,
    run: (call) => {
      logger.info({ method: 'tools/call', tool: toolName, subject: 'ada', call })
      logger.info({ method: 'tools/call', tool: toolName, subject: 'ada', outcome: 'ok' })
    },
  })
}

const jwks = JSON.parse(readFileSync(join(directory, 'jwks.json'), 'utf8')) as never
const servers: Readonly<Record<ServerKind, () => Server | Promise<Server>>> = {
  bare,
  guarded: () => createGuardedSite({ jwks }),
  'guarded, pino': logged,
  'guarded, strict audit': strict,
}
const server = await servers[kind as ServerKind]()
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
