import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { Session } from 'node:inspector/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuditTrail, fileSink } from '@onbehalf/audit'
import { type AuditTrail, createAuthenticator, forwarded, issuer } from '@onbehalf/core'
import { protectedHandler, requireOrg } from '@onbehalf/mcp'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { z } from 'zod'

// How many of our source files one call of a guarded tool enters: what a reader of the way opens.

const limits = { guarded: 45, audited: 60 }
const resource = 'https://mcp.example.com/mcp'

const { privateKey, publicKey } = await generateKeyPair('ES256')
const keys = { jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] } }
const usual = { audience: resource, kind: 'by-client', algorithms: ['ES256'], keys } as const

const authenticator = createAuthenticator({
  resource,
  sources: [
    forwarded({
      header: 'x-user-token',
      issuer: issuer({ iss: 'https://people.example.com', ...usual }),
      gateway: issuer({ iss: 'https://services.example.com', clients: ['gateway'], ...usual }),
      bind: 'audience',
    }),
  ],
})

function mint(iss: string, claims: { readonly sub: string; readonly [name: string]: string }) {
  return new SignJWT({ jti: claims.sub, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k', typ: 'at+jwt' })
    .setIssuer(iss)
    .setAudience(resource)
    .setIssuedAt()
    .setExpirationTime('5 minutes')
    .sign(privateKey)
}

const headers = {
  authorization: `Bearer ${await mint('https://services.example.com', { sub: 'gateway', client_id: 'gateway' })}`,
  'x-user-token': await mint('https://people.example.com', {
    sub: 'ada',
    client_id: 'portal',
    org_id: 'acme',
  }),
}

function createServer(): McpServer {
  const server = new McpServer({ name: 'invoices', version: '1.0.0' })
  server.registerTool(
    'list_invoices',
    { inputSchema: z.object({ month: z.string() }) },
    requireOrg(async ({ month }, { identity }) => ({
      content: [{ type: 'text', text: `${identity.organization.id}: invoices of ${month}` }],
    })),
  )
  return server
}

/** Our source files in which a function was called while one call was answered. */
async function filesOfOneCall(session: Session, audit?: AuditTrail): Promise<readonly string[]> {
  const handler = protectedHandler(createMcpHandler, createServer, {
    authenticator,
    ...(audit && { audit }),
  })
  const server = createHttpServer(toNodeHandler(handler) as RequestListener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = new Client({ name: 'trip', version: '1.0.0' })
  const url = new URL(`http://127.0.0.1:${port}/mcp`)
  try {
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
    const call = { name: 'list_invoices', arguments: { month: '2026-10' } }
    for (let warm = 0; warm < 3; warm++) await client.callTool(call)
    await enteredFiles(session)
    const { content } = await client.callTool(call)
    if (!JSON.stringify(content).includes('acme: invoices')) throw new Error('The call was refused')
    return await enteredFiles(session)
  } finally {
    await client.close()
    server.close()
    server.closeAllConnections()
  }
}

/** Files of which a function was called since this was last asked: asking resets the counts. */
async function enteredFiles(session: Session): Promise<readonly string[]> {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const files = result.flatMap(({ url, functions }) => {
    const [, file] = /\/(packages\/[^/]+\/src\/.+\.ts)$/.exec(url) ?? []
    const isEntered = functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
    return file !== undefined && isEntered ? [file] : []
  })
  return [...new Set(files)].sort()
}

/** Prints the files by package; whether they are no more than the limit. */
function report(trip: keyof typeof limits, files: readonly string[]): boolean {
  const names = new Set(files.map((file) => file.split('/')[1] ?? ''))
  for (const name of names) {
    const entered = files.filter((file) => file.startsWith(`packages/${name}/`))
    process.stdout.write(`${trip}, ${name}: ${entered.length}\n`)
    for (const file of entered) process.stdout.write(`  ${file}\n`)
  }
  process.stdout.write(`${trip}: ${files.length} files of at most ${limits[trip]}\n\n`)
  return files.length <= limits[trip]
}

const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

const directory = mkdtempSync(join(tmpdir(), 'onbehalf-trip-'))
const sink = fileSink({ directory, signer: null })
const trail = createAuditTrail({ sink, mode: 'strict', key: randomBytes(32) })
try {
  const guarded = await filesOfOneCall(session)
  const audited = await filesOfOneCall(session, trail)
  const fits = [report('guarded', guarded), report('audited', audited)]
  process.exitCode = fits.every(Boolean) ? 0 : 1
} finally {
  await sink.close()
  rmSync(directory, { recursive: true })
}
