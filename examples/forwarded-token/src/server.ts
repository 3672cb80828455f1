import { createServer as createHttpServer } from 'node:http'
import {
  hostHeaderValidation,
  type NodeIncomingMessageLike,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createAuthenticator, forwarded } from '@onbehalf/core'
import { protectedHandler } from '@onbehalf/mcp'
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
  sources: [
    forwarded({
      header: optional('USER_TOKEN_HEADER', 'x-user-token'),
      gateway: gatewayIssuer(resource),
      issuer: peopleIssuer(),
      // The user's token is for the gateway, which accepted it and vouches for it.
      bind: 'trust-gateway',
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
  ...(audit && { audit }),
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
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    web.close(() => void audit?.close())
    setTimeout(() => web.closeAllConnections(), 3000).unref()
  })
}
