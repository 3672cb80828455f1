import { createServer as createHttpServer } from 'node:http'
import {
  hostHeaderValidation,
  type NodeIncomingMessageLike,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createAuthenticator, enriched } from '@onbehalf/core'
import { protectedHandler } from '@onbehalf/mcp'
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
      gatewayMayList: true,
    }),
  ],
})

const handler = protectedHandler(createMcpHandler, createServer, {
  authenticator,
  onEvent: (event) => {
    if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
  },
})
const serve = toNodeHandler(handler)
const isOurHost = hostHeaderValidation([new URL(resource).hostname, '127.0.0.1', 'localhost'])

// Node keeps the first of two `Authorization` lines; joined, they are seen and refused.
const web = createHttpServer({ joinDuplicateHeaders: true }, (req, res) => {
  if (isOurHost(req, res)) void serve(req as NodeIncomingMessageLike, res)
})

// Keys are there before the first call, and a wrong configuration shows at start-up.
await authenticator.ready()
web.listen(port, optional('HOST', '127.0.0.1'), () => console.log(`listening on ${resource}`))

// Calls that run are answered; a stream that stays open is cut after some seconds.
process.once('SIGTERM', () => {
  web.close()
  setTimeout(() => web.closeAllConnections(), 3000).unref()
})
