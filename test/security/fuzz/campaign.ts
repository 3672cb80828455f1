import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isIdentityError } from '@onbehalf/core'
import fc from 'fast-check'
import type { Lines } from '../support/http.ts'
import { resourceMetadataUrl } from '../support/names.ts'
import { type FuzzedRequest, fuzzedRequests } from './requests.ts'
import { createWorld, type World } from './world.ts'

export interface CampaignOptions {
  /** Requests to send. */
  readonly count: number
  readonly seed: number
  readonly onProgress?: (done: number) => void
}

export interface CampaignReport {
  readonly requests: number
  /** Sound requests among them, all accepted. */
  readonly accepted: number
  /** Requests that HTTP could carry; the others went in below it. */
  readonly overHttp: number
  readonly reasons: ReadonlyMap<string, number>
  readonly keyFetches: number
  /** Megabytes in use after a garbage collection, at a quarter of the run and at its end. */
  readonly heap: { readonly quarter: number; readonly end: number }
}

const batch = 25
const chunk = 40 * batch

/**
 * Sends mutated requests to a real server and throws the shrunk counterexample at the first one
 * that is accepted without being sound, answered with other bytes than a refusal, or that makes
 * anything escape.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { count, seed, onProgress } = options
  const world = await createWorld()
  const client = createClient(world)
  const watched = watchProcess()
  try {
    let quarter = 0
    for (let done = 0; done < count; done += chunk) {
      await runChunk(world, client, { seed: seed + done, count: Math.min(chunk, count - done) })
      watched.check(world)
      onProgress?.(Math.min(count, done + chunk))
      if (quarter === 0 && (done + chunk) * 4 >= count) quarter = heapInUse()
    }
    const { accepted, overHttp } = client
    const heap = { quarter, end: heapInUse() }
    const { reasons } = world
    return { requests: count, accepted, overHttp, reasons, keyFetches: world.keyFetches(), heap }
  } finally {
    watched.stop()
    client.close()
    world.close()
  }
}

async function runChunk(
  world: World,
  client: Client,
  { seed, count }: { seed: number; count: number },
): Promise<void> {
  const length = Math.min(batch, count)
  const requests = fc.array(fuzzedRequests(world), { minLength: length, maxLength: length })
  const property = fc.asyncProperty(requests, async (list) => {
    await Promise.all(list.map((one) => judge(world, client, one)))
  })
  const numRuns = Math.max(1, Math.round(count / length))
  const outcome = await fc.check(property, { seed, numRuns })
  if (!outcome.failed) return
  const cause = outcome.errorInstance
  throw new Error(`${cause instanceof Error ? cause.message : 'failed'} (seed ${seed})`, { cause })
}

async function judge(world: World, client: Client, fuzzed: FuzzedRequest): Promise<void> {
  const { status, body, challenge } = await client.send(fuzzed)
  const sound = world.isSound(fuzzed.target, fuzzed.lines)
  if (status === 200) {
    if (!sound || !body.startsWith('handled ')) throw new Error(`accepted: ${show(fuzzed)}`)
    return
  }
  if (!sound && status === 503 && isFlooded(world)) return
  const expected = answers.get(body)
  if (expected?.status !== status || expected.challenge !== challenge) {
    throw new Error(`answered ${status} ${JSON.stringify([challenge, body])}: ${show(fuzzed)}`)
  }
}

/** Invented key ids use up the look-ups of an issuer: then nobody can say that a key is unknown. */
function isFlooded({ reasons }: World): boolean {
  return reasons.has('key_unverifiable') && !reasons.has('internal_error')
}

interface Seen {
  readonly status: number
  readonly body: string
  readonly challenge: string | undefined
}

/** Every answer that a refused caller may see here, unless key ids are invented faster than looked up. */
const answers = new Map<string, Omit<Seen, 'body'>>([
  ...(
    [
      [400, 'invalid_request', 'The request carries malformed or ambiguous credentials'],
      [401, 'invalid_token', 'The access token was refused'],
      [401, 'invalid_token', 'The access token was refused'],
    ] as const
  ).map(
    ([status, error, description]) =>
      [
        `{"error":"${error}","error_description":"${description}"}`,
        {
          status,
          challenge: `Bearer error="${error}", error_description="${description}", resource_metadata="${resourceMetadataUrl}"`,
        },
      ] as const,
  ),
  [
    '{"jsonrpc":"2.0","id":null,"error":{"code":31401,"message":"Authentication required"}}',
    { status: 401, challenge: `Bearer resource_metadata="${resourceMetadataUrl}"` },
  ],
])

interface Client {
  readonly accepted: number
  readonly overHttp: number
  send(fuzzed: FuzzedRequest): Promise<Seen>
  close(): void
}

// What Node's own client and server let through.
const sendable = /^[\t\x20-\x7E\x80-\xFF]*$/
const maxHeaderBytes = 15_000

function createClient(world: World): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: batch })
  let accepted = 0
  let overHttp = 0

  async function send(fuzzed: FuzzedRequest): Promise<Seen> {
    const seen = canSend(fuzzed.lines) ? await sendOverHttp(fuzzed) : await passIn(fuzzed)
    if (seen.status === 200) accepted += 1
    return seen
  }

  function ask({ path, lines }: Pick<FuzzedRequest, 'path' | 'lines'>): Promise<IncomingMessage> {
    const headers = ['host', 'mcp.example', ...lines.flat()]
    const options = { port: world.port, host: '127.0.0.1', path, agent, headers }
    return new Promise((resolve, reject) => {
      const sent = httpRequest(options, resolve)
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // On a busy machine the server may close an idle connection as the next request is written.
        const isStale = sent.reusedSocket && error.code === 'ECONNRESET'
        if (isStale) ask({ path, lines }).then(resolve, reject)
        else reject(error)
      })
      sent.end()
    })
  }

  async function sendOverHttp(fuzzed: FuzzedRequest): Promise<Seen> {
    overHttp += 1
    const response = await ask(fuzzed)
    const body = await text(response)
    return {
      status: response.statusCode ?? 0,
      body,
      challenge: response.headers['www-authenticate'],
    }
  }

  /** As a transport that lets everything through would hand it over. */
  async function passIn({ target, path, lines }: FuzzedRequest): Promise<Seen> {
    const authenticator = world.authenticators[target]
    const rawHeaders = lines.flat()
    const thrown: unknown = await authenticator
      .authenticate({ headers: {}, rawHeaders, url: path })
      .then(
        () => undefined,
        (error: unknown) => error,
      )
    if (thrown === undefined)
      return { status: 200, body: 'handled in process', challenge: undefined }
    if (!isIdentityError(thrown) || thrown.reason === 'internal_error') {
      throw new Error('something escaped', { cause: thrown })
    }
    const [body, answer] = [...answers].find(([, { status }]) => status === thrown.status) ?? []
    return { status: thrown.status, body: body ?? '', challenge: answer?.challenge }
  }

  return {
    get accepted() {
      return accepted
    },
    get overHttp() {
      return overHttp
    },
    send,
    close: () => agent.destroy(),
  }
}

function canSend(lines: Lines): boolean {
  const size = lines.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0)
  return size < maxHeaderBytes && lines.every(([, value]) => sendable.test(value))
}

/** What would have ended the process, or what reached the outside without being a refusal. */
function watchProcess() {
  const unhandled: unknown[] = []
  const remember = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', remember)
  return {
    check({ escaped }: World): void {
      const [first] = [...unhandled, ...escaped]
      if (first !== undefined) throw new Error('something escaped', { cause: first })
    },
    stop: () => void process.off('unhandledRejection', remember),
  }
}

/** Megabytes, after a full collection. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return Math.round((process.memoryUsage().heapUsed / 1024 / 1024) * 10) / 10
}

function show({ target, path, lines }: FuzzedRequest): string {
  return JSON.stringify({ target, path, lines })
}
