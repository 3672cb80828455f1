import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { protect } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { createKey } from './support/keys.ts'
import { audience, issuerName, now, resource } from './support/names.ts'
import { serveSessions, sessionWays } from './support/sessions.ts'
import { mint } from './support/token.ts'

const key = createKey('ES256')
const keys = { jwks: { keys: [key.jwk] } }
const authenticator = createAuthenticator({
  resource,
  clock: () => now,
  sources: [
    direct({
      issuer: issuer({ iss: issuerName, audience, kind: 'by-client', algorithms: ['ES256'], keys }),
    }),
  ],
})

const accept = { accept: 'application/json, text/event-stream' }
const hello = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  },
}

function tokenFor(seconds: number): { readonly authorization: string } {
  return { authorization: `Bearer ${mint(key, { claims: { sub: 'ada', exp: now + seconds } })}` }
}

describe.each(sessionWays)('$name', (way) => {
  /** A server whose clock says that the stream's token expired almost a minute ago. */
  async function openStream(tokenSeconds: number) {
    const clock = (): number => now + 59.5
    const url = await serveSessions(way, authenticator, () => {
      const server = protect(way.createServer(), { clock })
      server.registerTool('any', {}, async () => ({ content: [] }))
      return server
    })
    const caller = { ...accept, ...tokenFor(600) }
    const opened = await fetch(url, {
      method: 'POST',
      headers: { ...caller, 'content-type': 'application/json' },
      body: JSON.stringify(hello),
    })
    await opened.text()
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
    const get = (seconds: number) =>
      fetch(url, { headers: { ...accept, ...tokenFor(seconds), ...session } })
    return { stream: await get(tokenSeconds), get }
  }

  test('C12 ends a stream with the token that opened it, and opens the next with a new one', async () => {
    const { stream, get } = await openStream(0.1)
    expect(stream.status).toBe(200)
    // Resolves only because the server ends the stream.
    expect(await stream.text()).not.toContain('data: {')
    const next = await get(600)
    expect(next.status).toBe(200)
    await next.body?.cancel()
  })

  test('C12 keeps a stream whose token is still good', async () => {
    const { stream } = await openStream(600)
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
    const ended = reader.closed.then(() => 'ended')
    const later = new Promise((resolve) => setTimeout(() => resolve('open'), 1500))
    expect(await Promise.race([ended, later])).toBe('open')
    await reader.cancel()
  })
})
