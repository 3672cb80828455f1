import { randomBytes } from 'node:crypto'
import { Agent, createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Authenticator,
  type AuthenticatorEvent,
  createAuthenticator,
  createRefusal,
  direct,
  type IssuerOptions,
  issuer,
} from '@onbehalf/core'
import { createKey, type SigningKey } from '../support/keys.ts'
import { audience, now, resource } from '../support/names.ts'
import { compact, mint } from '../support/token.ts'
import { type FaultyIssuer, startFaultyIssuer } from './faulty-issuer.ts'

/** What a caller saw. */
export interface Seen {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly challenge: string | undefined
  readonly milliseconds: number
}

/** An MCP server's authenticator behind HTTP, its issuer, and the time both live in. */
export interface Stage {
  readonly idp: FaultyIssuer
  readonly authenticator: Authenticator<unknown>
  readonly events: readonly AuthenticatorEvent[]
  readonly key: SigningKey
  /** Fetches that this server started, whether or not the issuer was there. */
  readonly fetches: number
  /** Both clocks go on. */
  advance(seconds: number): void
  /** The system's clock alone is set. */
  jump(seconds: number): void
  /** Calls with a token as it is. */
  send(token: string): Promise<Seen>
  /** Calls with a sound token, signed now. */
  call(key?: SigningKey): Promise<Seen>
  /** Calls with a token that names a key nobody has. */
  callUnknown(): Promise<Seen>
  /** A token with other claims or header members than a sound one has. */
  token(changes?: Changes, key?: SigningKey): string
  /** Waits until no refresh is under way (for sources without metadata). */
  idle(): Promise<void>
}

interface Changes {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
}

export type StageOptions = Partial<IssuerOptions<unknown>>

/** Builds a stage, runs a scenario on it and takes it down again, whatever happens. */
export async function onStage(
  options: StageOptions | ((idp: FaultyIssuer) => StageOptions),
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  const idp = await startFaultyIssuer()
  const server = createServer({ maxHeaderSize: 65_536 })
  const agent = new Agent({ keepAlive: true, maxSockets: 200 })
  try {
    const given = typeof options === 'function' ? options(idp) : options
    await play(await build(idp, given, { server, agent }))
  } finally {
    agent.destroy()
    server.close()
    server.closeAllConnections()
    await idp.stop()
  }
}

interface Wires {
  readonly server: Server
  readonly agent: Agent
}

async function build(idp: FaultyIssuer, options: StageOptions, wires: Wires): Promise<Stage> {
  const key = createKey('ES256', 'first')
  idp.publish(key)
  const time = { wall: now, monotonic: 1000 }
  const events: AuthenticatorEvent[] = []
  let fetches = 0
  const { fetch: get = fetch } = options
  const trusted = issuer({
    iss: idp.origin,
    audience,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwksUri: idp.jwksUri },
    timeoutSeconds: 1,
    random: () => 0,
    monotonic: () => time.monotonic,
    ...options,
    fetch: (...request) => {
      fetches += 1
      return get(...request)
    },
  })
  const authenticator = createAuthenticator({
    resource,
    clock: () => time.wall,
    onEvent: (event) => void events.push(event),
    sources: [direct({ issuer: trusted })],
  })
  const port = await serve(wires.server, authenticator)
  const send = (token: string): Promise<Seen> => post(port, token, wires.agent)
  const claims = () => ({ iss: trusted.issuers[0], iat: time.wall, exp: time.wall + 300 })
  const token = (changes: Changes = {}, by = key): string =>
    mint(by, { ...changes, claims: { ...claims(), ...changes.claims } })
  const unknown = (): string => {
    const header = { alg: 'ES256', typ: 'at+jwt', kid: randomBytes(8).toString('hex') }
    const payload = JSON.stringify({ ...claims(), sub: 'ada', aud: audience })
    return compact(JSON.stringify(header), payload, () => randomBytes(64))
  }
  return {
    idp,
    authenticator,
    events,
    key,
    get fetches() {
      return fetches
    },
    advance(seconds) {
      time.wall += seconds
      time.monotonic += seconds
    },
    jump(seconds) {
      time.wall += seconds
    },
    send,
    call: (by) => send(token({}, by)),
    callUnknown: () => send(unknown()),
    token,
    idle: () => until(() => events.filter(endsRefresh).length === fetches),
  }
}

function endsRefresh(event: AuthenticatorEvent): boolean {
  return event.type === 'keys_loaded' || event.type === 'keys_failed'
}

/** Waits for something that happens by itself; gives up after ten seconds. */
async function until(happened: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !happened(); ) {
    if (performance.now() > end) throw new Error('waited for ten seconds')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

async function serve(server: Server, authenticator: Authenticator<unknown>): Promise<number> {
  server.on('request', (req, res) => {
    void authenticator.authenticate(req).then(
      () => res.end('{}'),
      (error: unknown) => {
        const { status, headers, body } = createRefusal(error, authenticator)
        res.writeHead(status, headers).end(body)
      },
    )
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function post(port: number, token: string, agent: Agent): Promise<Seen> {
  const start = performance.now()
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    const call = request({ port, host: '127.0.0.1', method: 'POST', agent, headers }, (res) => {
      res.resume()
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          retryAfter: res.headers['retry-after'],
          challenge: res.headers['www-authenticate'],
          milliseconds: performance.now() - start,
        }),
      )
    })
    call.on('error', reject)
    call.end()
  })
}
