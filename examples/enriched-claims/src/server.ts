import { createMcpExpressApp } from '@modelcontextprotocol/express'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createAuthenticator, enriched } from '@onbehalf/core'
import { authenticate, resourceMetadata } from '@onbehalf/express'
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
      claim: optional('PERSON_CLAIM', 'onBehalfOf'),
      // The gateway lists tools without a person; calls need one, by each tool's guard.
      userOptional: true,
    }),
  ],
  onEvent: (event) => {
    if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
  },
})

const handle = toNodeHandler(createMcpHandler(createServer))
const app = createMcpExpressApp({
  allowedHosts: [new URL(resource).hostname, '127.0.0.1', 'localhost'],
})

app.use(resourceMetadata(authenticator))
app.all('/mcp', authenticate(authenticator), (req, res) => void handle(req, res, req.body))

// Keys are there before the first call, and a wrong configuration shows at start-up.
await authenticator.ready()
app.listen(port, optional('HOST', '127.0.0.1'), () => console.log(`listening on ${resource}`))
