import { hostHeaderValidation } from '@modelcontextprotocol/express'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createAuthenticator, forwarded } from '@onbehalf/core'
import { authenticate, resourceMetadata } from '@onbehalf/express'
import express from 'express'
import { auditTrail } from './audit.ts'
import { optional } from './environment.ts'
import { gatewayIssuer } from './gateway.ts'
import { peopleIssuer } from './people.ts'
import { createServer } from './tools.ts'

const port = Number(optional('PORT', '3002'))
const resource = optional('RESOURCE', `http://127.0.0.1:${port}/mcp`)

const audit = await auditTrail()
const authenticator = createAuthenticator({
  resource,
  audit,
  sources: [
    forwarded({
      header: optional('USER_TOKEN_HEADER', 'x-user-token'),
      gateway: gatewayIssuer(resource),
      issuer: peopleIssuer(),
      // The user's token is for the gateway, which accepted it and vouches for it.
      bind: 'trust-gateway',
      // The gateway lists tools without a user; calls need one, by each tool's guard.
      userOptional: true,
    }),
  ],
  onEvent: (event) => {
    if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
  },
})

const handle = toNodeHandler(createMcpHandler(() => createServer(audit)))
const app = express()

app.use(hostHeaderValidation([new URL(resource).hostname, '127.0.0.1', 'localhost']))
app.use(resourceMetadata(authenticator))
// No body parser in front: a refused caller is refused before its body is read.
app.all('/mcp', authenticate(authenticator), (req, res) => void handle(req, res))

// Keys are there before the first call, and a wrong configuration shows at start-up.
await authenticator.ready()
const web = app.listen(port, optional('HOST', '127.0.0.1'), (error) => {
  if (error) throw error
  console.log(`listening on ${resource}`)
})

process.once('SIGTERM', () => {
  web.close(() => void audit?.close())
  web.closeIdleConnections()
})
