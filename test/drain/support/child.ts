// The server that the tests drain, in a process of its own. The parent sends its settings.
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { user } from '@onbehalf/core/guards'
import { limitConcurrency, redisLeases } from '@onbehalf/limits'
import { type Closable, drain, isDraining, requireAll, requireUser } from '@onbehalf/mcp'
import { redisRevocations } from '@onbehalf/redis'
import { createClient } from 'redis'
import { z } from 'zod'
import { hosts } from './hosts.ts'
import type { Settings, ToChild } from './settings.ts'

const settings = JSON.parse(process.env['SETTINGS'] ?? '') as Settings
const say = (message: object) => process.send?.(message)

const finished = new Promise<void>((resolve) => {
  process.on('message', (message: ToChild) => {
    if (message === 'finish') resolve()
  })
})

const audit = createAuditTrail({
  mode: 'strict',
  key: Buffer.alloc(32, 1),
  sink: fileSink({
    directory: settings.directory,
    signer: await localSigner(settings.signingKey),
    // So that the head at the end is the only one.
    headEveryRecords: 1_000_000,
    headEverySeconds: 3600,
  }),
})
const close: Closable[] = [audit]
const stores: { revocations?: ReturnType<typeof redisRevocations> } = {}
let atOnce = limitConcurrency({ name: 'at-once', per: 'user', calls: 9 })
if (settings.redis !== undefined) {
  const client = createClient({ url: settings.redis, disableOfflineQueue: true })
  client.on('error', () => undefined)
  await client.connect()
  const prefix = settings.prefix
  stores.revocations = redisRevocations({ client, prefix, whenStale: 'serve' })
  const store = redisLeases({ client, prefix })
  atOnce = limitConcurrency({
    name: 'at-once',
    per: 'user',
    calls: 9,
    store,
    whenStoreFails: 'open',
  })
  close.push(stores.revocations, client)
}

const resource = 'https://mcp.example.com/mcp'
const people = issuer({
  iss: settings.issuer,
  audience: resource,
  kind: 'by-client',
  keys: { jwks: settings.jwks },
})
const authenticator = createAuthenticator({
  resource,
  audit,
  sources: [direct({ issuer: people })],
  ...stores,
})
await authenticator.ready()

const reply = (text: string) => ({ content: [{ type: 'text' as const, text }] })
const nothing = { inputSchema: z.object({}) }

function addTools(server: McpServer): void {
  server.registerTool(
    'quick',
    nothing,
    requireUser(async () => reply('done')),
  )
  server.registerTool(
    'slow',
    nothing,
    requireAll([user(), atOnce], async () => {
      say({ type: 'began' })
      await finished
      return reply('finished')
    }),
  )
  server.registerTool(
    'endless',
    nothing,
    requireUser((_args, ctx) => {
      const { signal, mcpReq } = ctx as { signal?: AbortSignal; mcpReq?: { signal: AbortSignal } }
      const given = mcpReq?.signal ?? signal
      given?.addEventListener('abort', () => say({ type: 'aborted' }))
      say({ type: 'began' })
      return new Promise<never>(() => undefined)
    }),
  )
}

const server: Server | undefined = await hosts[settings.host]?.({
  authenticator,
  addTools,
  isReady: () => server === undefined || !isDraining(server),
})
if (server === undefined) throw new Error('no such host')
if (!server.listening) await once(server, 'listening')

process.on('SIGTERM', () => {
  void drain(server, { ...settings.drain, close }).then((report) => {
    say({ type: 'drained', ended: report.ended, failures: report.failures.map(String) })
    process.disconnect()
    process.exit(0)
  })
})
say({ type: 'listening', port: (server.address() as AddressInfo).port })
