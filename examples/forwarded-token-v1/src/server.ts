import { hostHeaderValidation } from '@modelcontextprotocol/sdk/server/middleware/hostHeaderValidation.js'
import { createAuthenticator, forwarded } from '@onbehalf/core'
import { authenticate, resourceMetadata } from '@onbehalf/express'
import express, { type ErrorRequestHandler } from 'express'
import { optional } from './environment.ts'
import { gatewayIssuer } from './gateway.ts'
import { peopleIssuer } from './people.ts'
import { serveSessions } from './sessions.ts'

/** A body that cannot be read is answered without the page and the stack that Express would send. */
const answerPlainly: ErrorRequestHandler = (_error, _req, res, _next) => {
  res.status(400).end()
}

const port = Number(optional('PORT', '3004'))
const resource = optional('RESOURCE', `http://127.0.0.1:${port}/mcp`)

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
  onEvent: (event) => {
    if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
  },
})

const app = express()

app.use(hostHeaderValidation([new URL(resource).hostname, '127.0.0.1', 'localhost']))
app.use(resourceMetadata(authenticator))
// The body is read behind it: a refused caller is refused before.
app.all('/mcp', authenticate(authenticator), express.json(), serveSessions(authenticator))
app.use(answerPlainly)

// Keys are there before the first call, and a wrong configuration shows at start-up.
await authenticator.ready()
const web = app.listen(port, optional('HOST', '127.0.0.1'), (error) => {
  if (error) throw error
  console.log(`listening on ${resource}`)
})

// Calls that run are answered; a stream that stays open is cut after some seconds.
process.once('SIGTERM', () => {
  web.close()
  setTimeout(() => web.closeAllConnections(), 3000).unref()
})
