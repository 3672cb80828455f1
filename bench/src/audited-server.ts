/**
 * One of the servers of a comparison: `audited-server.ts KIND DIRECTORY MILLISECONDS`. Tells its
 * parent its port, and the processor time it took so far (milliseconds) whenever it is asked.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { type AuthInfo, createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { pino } from 'pino'
import {
  ada,
  adasIssuer,
  createGuardedSite,
  inputSchema,
  toolName,
} from '../../test/e2e/support/guarded-site.ts'

export type ServerKind =
  | 'bare'
  | 'bare, tokens verified by jose'
  | 'guarded'
  | 'guarded, pino'
  | 'guarded, strict audit'

const [kind = '', directory = '.', milliseconds] = process.argv.slice(2)

/** What the tool does: nothing, or wait, for half to one and a half of the time. */
const run = async (): Promise<void> => {
  if (Number(milliseconds) > 0) await setTimeout(Number(milliseconds) * (0.5 + Math.random()))
}

type Admit = (req: IncomingMessage & { auth?: AuthInfo }) => Promise<void>

/** The same server without any of Onbehalf. */
function bare(admit: Admit): Server {
  const createMcpServer = (): McpServer => {
    const server = new McpServer({ name: 'invoices', version: '1.0.0' })
    server.registerTool(toolName, { inputSchema }, async (args) => {
      await new Promise((resolve) => setImmediate(resolve))
      await run()
      return { content: [{ type: 'text', text: args.call }] }
    })
    return server
  }
  const handle = toNodeHandler(createMcpHandler(createMcpServer))
  return createServer((req, res) => void admit(req).then(() => handle(req as never, res)))
}

/** What one would write without Onbehalf: no audit, no guard, one issuer. */
function verifiedByJose(): Admit {
  const keys = createLocalJWKSet(jwks)
  const rules = { issuer: adasIssuer.issuer, audience: ada.aud, algorithms: ['RS256'] }
  return async (req) => {
    const token = req.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const { payload } = await jwtVerify(token, keys, rules)
    const { client_id: client, exp = 0, sub, org } = payload
    req.auth = { token, clientId: String(client), scopes: [], expiresAt: exp, extra: { sub, org } }
  }
}

async function strict(): Promise<Server> {
  const signer = await localSigner(join(directory, 'key.pem'))
  const sink = fileSink({ directory: join(directory, 'log'), signer })
  await sink.ready()
  const audit = createAuditTrail({ mode: 'strict', key: Buffer.alloc(32, 1), sink })
  return createGuardedSite({ jwks, audit, run })
}

/** Two lines a call, as the trail writes; in memory when the call is answered. */
function logged(): Server {
  const file = { dest: join(directory, 'pino.log'), sync: false, minLength: 4096 }
  const logger = pino({}, pino.destination(file))
  return createGuardedSite({
    jwks,
    run: async (call) => {
      logger.info({ method: 'tools/call', tool: toolName, subject: 'ada', call })
      await run()
      logger.info({ method: 'tools/call', tool: toolName, subject: 'ada', outcome: 'ok' })
    },
  })
}

const jwks = JSON.parse(readFileSync(join(directory, 'jwks.json'), 'utf8')) as JSONWebKeySet
const servers: Readonly<Record<ServerKind, () => Server | Promise<Server>>> = {
  bare: () => bare(async () => undefined),
  'bare, tokens verified by jose': () => bare(verifiedByJose()),
  guarded: () => createGuardedSite({ jwks, run }),
  'guarded, pino': logged,
  'guarded, strict audit': strict,
}
const server = await servers[kind as ServerKind]()
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.((user + system) / 1000)
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
