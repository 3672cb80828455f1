import { once } from 'node:events'
import { createServer as createHttpServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  hostHeaderValidation,
  type NodeIncomingMessageLike,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { createDownstream, tokenExchange } from '@onbehalf/downstream'
import { protectedHandler } from '@onbehalf/mcp'
import { createApi } from './api.ts'
import { type Books, memoryBooks } from './books.ts'
import { optional, required } from './environment.ts'
import { postgresBooks } from './postgres-books.ts'
import { createServer } from './tools.ts'

const iss = required('ISSUER')
const secret = required('CLIENT_SECRET')
const port = Number(optional('PORT', '3005'))
const host = optional('HOST', '127.0.0.1')
const resource = optional('RESOURCE', `http://127.0.0.1:${port}/mcp`)
const apiResource = optional('API_RESOURCE', 'https://books.example.com')

// The API is a program of its own wherever it matters: here `npm start` starts both.
const books = await openBooks()
const api = createApi({ iss, resource: apiResource, books })
const apiPort = await listen(api, Number(optional('API_PORT', '0')))

const authenticator = createAuthenticator({
  resource,
  sources: [direct({ issuer: issuer({ iss, audience: resource, kind: 'by-client' }) })],
})

const downstream = createDownstream({
  authenticator,
  apis: {
    books: {
      baseUrl: `http://127.0.0.1:${apiPort}`,
      resource: apiResource,
      scopes: ['books.read', 'books.write'],
      grant: tokenExchange({
        issuer: iss,
        client: {
          id: optional('CLIENT_ID', 'books-server'),
          method: 'client_secret_basic',
          secret,
        },
      }),
    },
  },
  onEvent: (event) => {
    if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
  },
})

const handler = protectedHandler(createMcpHandler, () => createServer(downstream), {
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
web.listen(port, host, () => console.log(`listening on ${resource}`))

// Calls that run are answered; a stream that stays open is cut after some seconds.
process.once('SIGTERM', () => {
  web.close(() => {
    api.close(() => void books.end())
    api.closeAllConnections()
  })
  setTimeout(() => web.closeAllConnections(), 3000).unref()
})

async function openBooks(): Promise<Books> {
  const url = optional('DATABASE_URL', '')
  if (url !== '') return postgresBooks(url)
  console.error('DATABASE_URL is not set: invoices are in memory, without row-level security')
  return memoryBooks()
}

async function listen(server: Server, on: number): Promise<number> {
  server.listen(on, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
