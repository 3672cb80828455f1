import { createServer as createHttpServer } from 'node:http'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createAuthenticator } from '@onbehalf/core'
import { protectedHandler } from '@onbehalf/mcp'
import { optional, required } from './environment.ts'
import { createSource } from './source.ts'
import { createServer } from './tools.ts'

// Where AgentCore Runtime looks for an MCP server.
const port = Number(optional('PORT', '8000'))
const host = optional('HOST', '0.0.0.0')

const authenticator = createAuthenticator({
  resource: required('RESOURCE'),
  sources: [createSource()],
})

// Without its own sessions: the runtime adds `Mcp-Session-Id`, and may send each call to another
// container.
const handler = protectedHandler(createMcpHandler, createServer, {
  authenticator,
  onEvent: (event) => {
    if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
  },
})
const serve = toNodeHandler(handler)
// Node keeps the first of two `Authorization` lines; joined, they are seen and refused.
const web = createHttpServer({ joinDuplicateHeaders: true }, (req, res) => {
  void serve(req as NodeIncomingMessageLike, res)
})

await authenticator.ready()
web.listen(port, host, () => console.log(`listening on ${host}:${port}/mcp`))

// Calls that run are answered; a stream that stays open is cut after some seconds.
process.once('SIGTERM', () => {
  web.close()
  setTimeout(() => web.closeAllConnections(), 3000).unref()
})
