import { hostHeaderValidation } from '@modelcontextprotocol/express'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createAuthenticator, enriched } from '@onbehalf/core'
import { authenticate, resourceMetadata } from '@onbehalf/express'
import express from 'express'
import { optional } from './environment.ts'
import { gatewayIssuer } from './gateway.ts'
import { createServer } from './tools.ts'

const port = Number(optional('PORT', '3003'))
const resource = optional('RESOURCE', `http://127.0.0.1:${port}/mcp`)

const authenticator = createAuthenticator({
  resource,
  sources: [
    enriched({
      issuer: gatewayIssuer(resource),
      userClaim: optional('USER_CLAIM', 'onBehalfOf'),
      // The gateway lists tools without a user; calls need one, by each tool's guard.
      userOptional: true,
    }),
  ],
  onEvent: (event) => {
    if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
  },
})

const handle = toNodeHandler(createMcpHandler(createServer))
const app = express()

app.use(hostHeaderValidation([new URL(resource).hostname, '127.0.0.1', 'localhost']))
app.use(resourceMetadata(authenticator))
// No body parser in front: a refused caller is refused before its body is read.
app.all('/mcp', authenticate(authenticator), (req, res) => void handle(req, res))

// Keys are there before the first call, and a wrong configuration shows at start-up.
await authenticator.ready()
app.listen(port, optional('HOST', '127.0.0.1'), (error) => {
  if (error) throw error
  console.log(`listening on ${resource}`)
})
