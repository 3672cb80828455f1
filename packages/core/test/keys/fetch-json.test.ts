import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { KeyEvent } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { jwksKeys, type RemoteKeysOptions } from '../../src/keys/remote-keys.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { startServer } from '../support/misbehaving-server.ts'
import { createSigner } from '../support/signer.ts'

let keySet: string
beforeAll(async () => {
  keySet = JSON.stringify((await createSigner()).jwks)
})

const limit = 256 * 1024

describe('a key set over HTTP', () => {
  it('is loaded with nothing but a request for JSON', async () => {
    const seen: Record<string, unknown>[] = []
    const events = await load((req, res) => {
      seen.push({ ...req.headers, method: req.method, url: req.url })
      res.end(keySet)
    })
    expect(events).toEqual([{ type: 'keys_loaded', usable: 1, ignored: [] }])
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/jwks' })
    expect(seen[0]).toMatchObject({
      accept: 'application/json, application/jwk-set+json',
      'user-agent': 'onbehalf',
    })
    for (const name of ['authorization', 'cookie', 'referer', 'origin']) {
      expect(seen[0]).not.toHaveProperty(name)
    }
  })

  it('is never taken from a cache, nor sent with credentials', async () => {
    const asked: RequestInit[] = []
    const fetch: typeof globalThis.fetch = async (_url, init = {}) => {
      asked.push(init)
      return new Response(keySet)
    }
    await loadFrom('https://issuer.example/jwks', { fetch })
    expect(asked).toMatchObject([{ cache: 'no-store', credentials: 'omit', redirect: 'manual' }])
  })

  it('is loaded whatever type it says it has, compressed, and in pieces', async () => {
    const events = await load((_, res) => {
      res.setHeader('content-type', 'text/plain')
      res.setHeader('content-encoding', 'gzip')
      const body = gzipSync(keySet)
      res.write(body.subarray(0, 20))
      setTimeout(() => res.end(body.subarray(20)), 20)
    })
    expect(events[0]).toMatchObject({ type: 'keys_loaded' })
  })

  it('may be 256 KiB long', async () => {
    const events = await load((_, res) => res.end(keySet.padEnd(limit)))
    expect(events[0]).toMatchObject({ type: 'keys_loaded' })
  })
})

type Misbehaviour = readonly [reason: string, what: string, answer: (res: ServerResponse) => void]

const misbehaviours: readonly Misbehaviour[] = [
  ['status_500', 'an error', (res) => status(res, 500)],
  ['status_404', 'not found', (res) => status(res, 404)],
  ['status_204', 'nothing', (res) => status(res, 204)],
  ['status_201', 'another success', (res) => status(res, 201)],
  ['status_304', 'not modified', (res) => status(res, 304)],
  ['status_401', 'a demand for credentials', (res) => status(res, 401)],
  ['not_json', 'an empty body', (res) => res.end()],
  ['not_json', 'a page', (res) => res.end('<html>Sign in</html>')],
  ['not_json', 'half a document', (res) => res.end(keySet.slice(0, -2))],
  ['not_json', 'text in another encoding', (res) => res.end(Buffer.from(keySet, 'utf16le'))],
  ['not_json', 'invalid UTF-8', (res) => res.end(Buffer.from([0x22, 0xff, 0x22]))],
  ['not_a_key_set', 'a list', (res) => res.end('[]')],
  ['not_a_key_set', 'null', (res) => res.end('null')],
  ['not_a_key_set', 'a key set inside text', (res) => res.end(JSON.stringify(keySet))],
  ['not_a_key_set', 'keys that are not a list', (res) => res.end('{"keys":{}}')],
  ['not_a_key_set', '101 keys', (res) => res.end(`{"keys":[${'{},'.repeat(100)}{}]}`)],
  ['no_usable_key', 'no key', (res) => res.end('{"keys":[]}')],
  ['no_usable_key', 'no key that can be used', (res) => res.end('{"keys":[null,{}]}')],
  ['too_large', 'one byte too much', (res) => res.end(keySet.padEnd(limit + 1))],
  ['too_large', 'a body without end', flood],
  ['too_large', 'a compressed bomb', bomb],
  ['unreadable', 'a body that breaks off', breakOff],
  ['unreadable', 'a body that is not compressed as it says', liesAboutEncoding],
  ['unreachable', 'a closed connection', (res) => res.destroy()],
  ['timeout', 'no answer', () => undefined],
  ['timeout', 'an answer without an end', (res) => void res.write('{')],
  ['timeout', 'one byte at a time', drip],
]

describe('a server that answers a request for keys with', () => {
  it.each(misbehaviours)('makes the source unavailable (%s): %s', async (reason, _, answer) => {
    const timeoutSeconds = reason === 'timeout' ? 0.3 : 10
    const events = await load((_req, res) => answer(res), { timeoutSeconds })
    expect(events).toMatchObject([{ type: 'keys_failed', failures: 1, reason, serving: 'none' }])
  })

  it.each([301, 302, 303, 307, 308])('a redirect %i is not followed', async (code) => {
    const seen: (string | undefined)[] = []
    const events = await load((req, res) => {
      seen.push(req.url)
      res.writeHead(code, { location: '/elsewhere' }).end()
    })
    expect(events).toMatchObject([{ type: 'keys_failed', reason: `status_${code}` }])
    expect(seen).toEqual(['/jwks'])
  })

  it('nothing at all, because nobody listens, makes the source unavailable', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    server.close()
    await once(server, 'close')
    const events = await loadFrom(`http://127.0.0.1:${port}/jwks`)
    expect(events).toMatchObject([{ type: 'keys_failed', reason: 'unreachable' }])
  })

  it.each([
    ['dns', 'ENOTFOUND'],
    ['dns', 'EAI_AGAIN'],
    ['tls', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['tls', 'CERT_HAS_EXPIRED'],
    ['tls', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['timeout', 'UND_ERR_CONNECT_TIMEOUT'],
    ['unreachable', 'ECONNREFUSED'],
  ])('no answer is reported as %s where the runtime says %s', async (reason, code) => {
    const cause = Object.assign(new Error('x'), { code })
    const fetch = () => Promise.reject(new TypeError('fetch failed', { cause }))
    const events = await loadFrom('https://issuer.example/jwks?secret=1', { fetch })
    expect(events).toMatchObject([{ reason, url: 'https://issuer.example/jwks' }])
    expect(JSON.stringify(events)).not.toContain('secret')
  })

  it('a name that does not exist is reported as one', async () => {
    const events = await loadFrom('https://issuer.invalid/jwks')
    expect(events).toMatchObject([{ reason: 'dns', url: 'https://issuer.invalid/jwks' }])
  })

  it('no answer in time is reported with the address', async () => {
    const fetch = () => new Promise<never>(() => undefined)
    const events = await loadFrom('https://issuer.example/jwks', { fetch, timeoutSeconds: 0.05 })
    expect(events).toMatchObject([{ reason: 'timeout', url: 'https://issuer.example/jwks' }])
  })

  it('an exception in your own fetch makes the source unavailable', async () => {
    const fetch = (() => {
      throw new Error('out of order')
    }) as typeof globalThis.fetch
    const events = await loadFrom('https://issuer.example/jwks', { fetch })
    expect(events).toMatchObject([{ type: 'keys_failed', reason: 'unreachable' }])
  })
})

describe('timeoutSeconds', () => {
  it.each([0, -1, Number.NaN, 31, Number.POSITIVE_INFINITY])('must not be %s', (timeoutSeconds) => {
    expect(() => jwksKeys('https://issuer.example/jwks', { timeoutSeconds })).toThrow(
      new TypeError('timeoutSeconds must be above 0 and at most 30'),
    )
  })
})

async function load(
  listener: RequestListener,
  options: RemoteKeysOptions = {},
): Promise<readonly KeyEvent[]> {
  const { origin } = await startServer(listener)
  return loadFrom(`${origin}/jwks`, options)
}

/** Loads once and returns what happened; a failure has to be reported as an outage. */
async function loadFrom(url: string, options?: RemoteKeysOptions): Promise<readonly KeyEvent[]> {
  const events: KeyEvent[] = []
  const ready = jwksKeys(url, options).ready((event) => events.push(event))
  await ready.catch((error: unknown) =>
    expectRefused(
      () => {
        throw error
      },
      { code: 'DOWN', reason: 'keys_unavailable' },
    ),
  )
  return events
}

function status(res: ServerResponse, code: number): void {
  res.writeHead(code).end(code === 204 || code === 304 ? undefined : keySet)
}

function flood(res: ServerResponse): void {
  const more = (): void => {
    if (res.writable && !res.destroyed && res.write(' '.repeat(64 * 1024))) setImmediate(more)
  }
  res.on('drain', more)
  more()
}

/** 8 KiB that become 8 MiB. */
function bomb(res: ServerResponse): void {
  res.setHeader('content-encoding', 'gzip')
  res.end(gzipSync(' '.repeat(8 * 1024 * 1024)))
}

function breakOff(res: ServerResponse): void {
  res.writeHead(200, { 'content-length': 10_000 })
  res.write('{"keys":', () => res.destroy())
}

function liesAboutEncoding(res: ServerResponse): void {
  res.setHeader('content-encoding', 'gzip')
  res.end(keySet)
}

function drip(res: ServerResponse): void {
  const timer = setInterval(() => res.write(' '), 20)
  res.on('close', () => clearInterval(timer))
}
