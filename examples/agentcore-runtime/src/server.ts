import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createAuthenticator } from '@onbehalf/core'
import { authenticate, resourceMetadata } from '@onbehalf/express'
import express from 'express'
import { optional, required } from './environment.ts'
import { createSource } from './source.ts'
import { createServer } from './tools.ts'

// Where AgentCore Runtime looks for an MCP server.
const port = Number(optional('PORT', '8000'))
const host = optional('HOST', '0.0.0.0')

const authenticator = createAuthenticator({
  resource: required('RESOURCE'),
  sources: [createSource()],
  onEvent: (event) => {
    if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
  },
})

// Without its own sessions: the runtime adds `Mcp-Session-Id`, and may send each call to another
// container.
const handle = toNodeHandler(createMcpHandler(createServer))
const app = express()
app.use(resourceMetadata(authenticator))
// No body parser in front: a refused caller is refused before its body is read.
app.all('/mcp', authenticate(authenticator), (req, res) => void handle(req, res))

await authenticator.ready()
app.listen(port, host, (error) => {
  if (error) throw error
  console.log(`listening on ${host}:${port}/mcp`)
})
