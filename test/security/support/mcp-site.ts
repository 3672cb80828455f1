import { text } from 'node:stream/consumers'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { authenticate, type Middleware } from '@onbehalf/express'
import { onTestFinished } from 'vitest'
import type { Compose } from './compositions.ts'
import { type Answer, type Lines, listen, type RequestParts, sendLines } from './http.ts'
import { createKey } from './keys.ts'
import type { McpRequest, ServeMcp } from './mcp-servers.ts'
import type { ToolWorld } from './mcp-tools.ts'
import { audience, issuerName, now, resource } from './names.ts'
import { bearer } from './server.ts'
import { type Changes, mint } from './token.ts'

/** An MCP server behind an authenticator. */
export interface McpSite {
  readonly url: string
  readonly ran: readonly string[]
  readonly contexts: readonly unknown[]
  /** Moves the clock of authenticator and server. */
  advance(seconds: number): void
  /** Lets the tool `slow` answer. */
  release(): void
  /** Sends a request as it is, and waits until the connection closes. */
  send(lines: Lines, parts?: RequestParts, target?: string): Promise<Answer>
  /** Sends a request, and waits for its answer unless that is a stream that stays open. */
  ask(lines: Lines, parts?: RequestParts): Promise<Asked>
}

export interface Asked {
  readonly status: number
  readonly headers: Headers
  /** Empty for a stream of a GET. */
  readonly text: string
}

const key = createKey('ES256')

/** The header of somebody at `acme`, or of somebody with other claims. */
export function as(subject: string, claims: Changes = {}): Lines {
  return bearer(mint(key, { claims: { sub: subject, org_id: 'acme', ...claims } }))
}

export async function startMcpSite(compose: Compose, serve: ServeMcp): Promise<McpSite> {
  let ahead = 0
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const world: ToolWorld = { clock: () => now + ahead, released, ran: [], contexts: [] }
  const authenticator = createAuthenticator({
    resource,
    clock: world.clock,
    sources: [
      direct({
        issuer: issuer({
          iss: issuerName,
          audience,
          kind: 'by-client',
          algorithms: ['ES256'],
          keys: { jwks: { keys: [key.jwk] } },
        }),
      }),
    ],
  })
  const handle = serve(world)
  const app = compose([
    authenticate(authenticator),
    parseJson,
    (req, res) => void Promise.resolve(handle(req, res)).catch(() => res.destroy()),
  ])
  const { port, close } = await listen(app)
  onTestFinished(close)
  const url = `http://127.0.0.1:${port}/mcp`
  return {
    url,
    ran: world.ran,
    contexts: world.contexts,
    release,
    advance: (seconds) => {
      ahead += seconds
    },
    send: (lines, parts, target) => sendLines(port, lines, target, parts),
    ask: (lines, parts) => ask(url, lines, parts),
  }
}

/** As `express.json()` does it, for servers of every kind. */
const parseJson: Middleware = (req, _res, next) => {
  void text(req).then((body) => {
    if (body !== '') Object.assign(req satisfies McpRequest, { body: JSON.parse(body) as unknown })
    next()
  })
}

async function ask(url: string, lines: Lines, parts: RequestParts = {}): Promise<Asked> {
  const { method = 'POST', body } = parts
  const controller = new AbortController()
  const response = await fetch(url, {
    method,
    headers: lines.map(([name, value]): [string, string] => [name, value]),
    signal: controller.signal,
    ...(body !== undefined && { body }),
  })
  const { status, headers } = response
  const isOpen = method === 'GET' && status === 200
  const answer = isOpen ? '' : await response.text()
  if (isOpen) controller.abort()
  return { status, headers, text: answer }
}
