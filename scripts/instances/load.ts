import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { LocalIssuer } from '@onbehalf/testing'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'

/** Someone who calls. */
export interface Person {
  readonly name: string
  readonly token: string
}

/** What was counted while people called. */
export class Tally {
  calls = 0
  wrong = 0
  replayed = 0
  replays = 0
  sessions = 0
  readonly acknowledged: string[] = []
  /** Calls of the limited tool that ran, by person. */
  readonly limited = new Map<string, number>()
  /** The longest time in milliseconds until a good call was served, by kind. */
  readonly waits = new Map<string, number>()
  /** Milliseconds from a revocation to the start of the last call that an instance served. */
  readonly late: number[] = []
  readonly refusedAfter: number[] = []
}

interface Sent {
  readonly url: string
  readonly authorization: string
  readonly proof?: string
  readonly tool?: string
}

const reserved = 'io.modelcontextprotocol/'
const meta = {
  [`${reserved}protocolVersion`]: '2026-07-28',
  [`${reserved}clientInfo`]: { name: 'load', version: '1.0.0' },
  [`${reserved}clientCapabilities`]: {},
}

/** Calls a tool of SDK v2 once. Undefined where nobody answered. */
async function callOnce(sent: Sent, call: string): Promise<[number, string] | undefined> {
  const { url, authorization, proof, tool = 'whoami' } = sent
  const params = { name: tool, arguments: { call }, _meta: meta }
  const headers = {
    authorization,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': tool,
    ...(proof !== undefined && { dpop: proof }),
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  try {
    const signal = AbortSignal.timeout(20_000)
    const answer = await fetch(url, { method: 'POST', headers, body, signal })
    return [answer.status, await answer.text()]
  } catch {
    return undefined
  }
}

/** Notes an answer of a tool; whether there was one. */
function note(tally: Tally, name: string, call: string, text: string): boolean {
  const served = /"text":"(\S+) ([0-9a-f-]{36})"/.exec(text)
  if (served === null) return false
  tally.calls += 1
  if (served[1] !== name || served[2] !== call) tally.wrong += 1
  tally.acknowledged.push(call)
  return true
}

/** Calls until the call was served, and notes how long that took. */
async function persist(tally: Tally, kind: string, attempt: () => Promise<boolean>): Promise<void> {
  const began = performance.now()
  while (!(await attempt())) await setTimeout(50)
  const took = performance.now() - began
  tally.waits.set(kind, Math.max(took, tally.waits.get(kind) ?? 0))
}

/** With a bearer token, to SDK v2. */
export async function bearerCall(
  tally: Tally,
  url: string,
  { name, token }: Person,
): Promise<void> {
  await persist(tally, 'bearer', async () => {
    const call = randomUUID()
    const answer = await callOnce({ url, authorization: `Bearer ${token}` }, call)
    return answer?.[0] === 200 && note(tally, name, call, answer[1])
  })
}

/** The limited tool, until it refuses. */
export async function limitedCall(
  tally: Tally,
  url: string,
  { name, token }: Person,
): Promise<void> {
  const call = randomUUID()
  const sent = { url, authorization: `Bearer ${token}`, tool: 'limited' }
  const answer = await callOnce(sent, call)
  if (answer?.[0] === 200 && note(tally, name, call, answer[1])) {
    tally.limited.set(name, (tally.limited.get(name) ?? 0) + 1)
  }
}

/** A client whose tokens are bound to its key, and which sends each of its proofs twice. */
export async function createProver(issuer: LocalIssuer, resource: string, name: string) {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const cnf = { jkt: await calculateJwkThumbprint(jwk) }
  const claims = { sub: name, aud: resource, client_id: 'app', cnf }
  const token = await issuer.minter.mint(claims, { expiresInSeconds: 3600 })
  const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token)))
  const prove = (): Promise<string> =>
    new SignJWT({ jti: randomUUID(), htm: 'POST', htu: resource, ath: ath.toString('base64url') })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(privateKey)
  return async (tally: Tally, url: string): Promise<void> => {
    await persist(tally, 'DPoP', async () => {
      const [call, again] = [randomUUID(), randomUUID()]
      const sent = { url, authorization: `DPoP ${token}`, proof: await prove() }
      const answer = await callOnce(sent, call)
      const isServed = answer?.[0] === 200 && note(tally, name, call, answer[1])
      // Whatever became of the first, one proof serves at most one call.
      const second = await callOnce(sent, again)
      tally.replays += 1
      if (isServed && second?.[0] === 200) tally.replayed += 1
      return isServed
    })
  }
}

/** A client of SDK v1 with a session, which it opens again when it is unknown. */
export function createSessionCaller({ name, token }: Person) {
  let client: Client | undefined
  async function open(url: string, tally: Tally): Promise<Client> {
    tally.sessions += 1
    const opened = new Client({ name: 'load', version: '1.0.0' })
    const requestInit = { headers: { authorization: `Bearer ${token}` } }
    await opened.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }) as never)
    return opened
  }
  return (tally: Tally, url: string): Promise<void> =>
    persist(tally, 'session', async () => {
      const call = randomUUID()
      try {
        client ??= await open(url, tally)
        const options = { timeout: 20_000 }
        const asked = { name: 'whoami', arguments: { call } }
        const answer = await client.callTool(asked, undefined, options)
        return note(tally, name, call, JSON.stringify(answer))
      } catch {
        await client?.close().catch(() => undefined)
        client = undefined
        return false
      }
    })
}

const event = 'http://schemas.openid.net/event/backchannel-logout'

/** Logs a session out at one instance, sends that token again, and asks every instance until it refuses. */
export async function revoke(
  tally: Tally,
  issuer: LocalIssuer,
  resource: string,
  origins: readonly string[],
): Promise<void> {
  const sid = randomUUID()
  const claims = { sub: 'leaver', aud: resource, client_id: 'app', sid }
  const authorization = `Bearer ${await issuer.minter.mint(claims, { expiresInSeconds: 3600 })}`
  const logout = await issuer.minter.mint(
    { aud: 'instances', sid, jti: randomUUID(), events: { [event]: {} } },
    { header: { typ: 'logout+jwt' }, expiresInSeconds: 120 },
  )
  const send = async (origin: string): Promise<number | undefined> => {
    const body = new URLSearchParams({ logout_token: logout })
    const answer = await fetch(`${origin}/logout`, { method: 'POST', body }).catch(() => undefined)
    return answer?.status
  }
  const [first = ''] = origins
  while ((await send(origins[Math.floor(Math.random() * 4)] ?? first)) !== 200) await setTimeout(50)
  const revoked = performance.now()
  const ask = async (origin: string): Promise<void> => {
    for (;;) {
      const began = performance.now()
      const answer = await callOnce({ url: `${origin}/mcp`, authorization }, randomUUID())
      if (answer?.[0] === 200) tally.late.push(began - revoked)
      if (answer?.[0] === 401) return void tally.refusedAfter.push(began - revoked)
      await setTimeout(20)
    }
  }
  await Promise.all(origins.map(ask))
  for (const origin of origins) {
    tally.replays += 1
    if ((await send(origin)) === 200) tally.replayed += 1
  }
}
