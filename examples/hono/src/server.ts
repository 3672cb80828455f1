import { serve } from '@hono/node-server'
import { createApp } from './app.ts'
import { optional, required } from './environment.ts'

const port = Number(optional('PORT', '3001'))
const resource = optional('RESOURCE', `http://127.0.0.1:${port}/mcp`)
const audience = optional('AUDIENCE', resource)
const { app, authenticator } = createApp({ resource, issuer: required('ISSUER'), audience })

// Keys are there before the first call, and a wrong configuration shows at start-up.
await authenticator.ready()
const server = serve({ fetch: app.fetch, port, hostname: optional('HOST', '127.0.0.1') }, () =>
  console.log(`listening on ${resource}`),
)

// Calls that run are answered; a stream that stays open is cut after some seconds.
process.once('SIGTERM', () => {
  server.close()
  setTimeout(() => process.exit(), 3000).unref()
})
