import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SigningKey } from '../support/keys.ts'

/** An issuer on the loopback whose key and metadata endpoints misbehave on demand. */
export interface FaultyIssuer {
  readonly origin: string
  readonly jwksUri: string
  /** Requests that arrived for keys. */
  readonly keyRequests: number
  /** Requests that arrived for metadata. */
  readonly metadataRequests: number
  /** Requests that are neither answered nor hung up on. */
  readonly unfinished: number
  publish(...keys: readonly SigningKey[]): void
  /** How requests for keys are answered from now on. Default: {@link publishedKeys}. */
  answerKeys(answer: RequestListener): void
  answerMetadata(answer: RequestListener): void
  /** Answers with the published keys. */
  readonly publishedKeys: RequestListener
  /** Refuses connections until {@link FaultyIssuer.start}. */
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startFaultyIssuer(): Promise<FaultyIssuer> {
  let published: readonly unknown[] = []
  let requests = { keys: 0, metadata: 0 }
  const publishedKeys: RequestListener = (_req, res) => json({ keys: published })(_req, res)
  let answerKeys = publishedKeys
  let answerMetadata: RequestListener = (req, res) =>
    json({ issuer: origin, jwks_uri: `${origin}/jwks` })(req, res)
  let unfinished = 0
  const server: Server = createServer((req, res) => {
    const isKeys = req.url === '/jwks'
    requests = isKeys
      ? { ...requests, keys: requests.keys + 1 }
      : { ...requests, metadata: requests.metadata + 1 }
    unfinished += 1
    res.on('close', () => {
      unfinished -= 1
    })
    return isKeys ? answerKeys(req, res) : answerMetadata(req, res)
  })
  const port = await listenOn(server, 0)
  const origin = `http://127.0.0.1:${port}`
  return {
    origin,
    jwksUri: `${origin}/jwks`,
    publishedKeys,
    get keyRequests() {
      return requests.keys
    },
    get metadataRequests() {
      return requests.metadata
    },
    get unfinished() {
      return unfinished
    },
    publish: (...keys) => {
      published = keys.map((key) => key.jwk)
    },
    answerKeys: (answer) => {
      answerKeys = answer
    },
    answerMetadata: (answer) => {
      answerMetadata = answer
    },
    stop: () => close(server),
    start: async () => void (await listenOn(server, port)),
  }
}

/** Answers with a JSON document. */
export function json(document: unknown): RequestListener {
  return (_req, res) => {
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify(document))
  }
}

export function status(code: number, headers: Record<string, string> = {}): RequestListener {
  return (_req, res) => {
    res.writeHead(code, headers)
    res.end()
  }
}

/** Takes the request and says nothing. */
export const hang: RequestListener = () => {}

/** Starts an answer, and then sends a byte every 200 milliseconds. */
export const drip: RequestListener = (_req, res) => {
  res.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => res.write(' '), 200)
  res.on('close', () => clearInterval(timer))
}

/** Sends a part of an answer, and then nothing. */
export const stall: RequestListener = (_req, res) => {
  res.writeHead(200, { 'content-type': 'application/json' })
  res.write('{"keys":[')
}

/** Gives another answer its time. */
export function after(milliseconds: number, answer: RequestListener): RequestListener {
  return (req, res) => void setTimeout(() => answer(req, res), milliseconds)
}

function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function close(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve()
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()))
  server.closeAllConnections()
  return closed
}
