import type { RequestListener } from 'node:http'
import { gzipSync } from 'node:zlib'
import { createKey, publicJwk } from '../support/keys.ts'
import { json, status } from './faulty-issuer.ts'
import type { Findings, Scenario } from './findings.ts'
import { onStage, type Stage } from './stage.ts'

const megabyte = 1024 * 1024
const sound = createKey('ES256', 'sound')

export const badAnswers: Scenario = {
  id: 'E9',
  title: 'answers that are not a key set are refused and the old set is kept',
  run: (found) =>
    onStage({ timeoutSeconds: 4 }, async (stage) => {
      await stage.call()
      for (const [reason, name, answer] of badAnswersOf(stage)) {
        stage.idp.answerKeys(answer)
        stage.advance(425)
        await keepsOldSet(found, stage, { name, reason })
        stage.idp.answerKeys(stage.idp.publishedKeys)
        stage.advance(2)
        await stage.call()
        await stage.idle()
      }
    }),
}

function badAnswersOf(stage: Stage): readonly (readonly [string, string, RequestListener])[] {
  const keys = (count: number) => Array.from({ length: count }, () => sound.jwk)
  return [
    ['status_302', 'a redirect', status(302, { location: `${stage.idp.origin}/jwks?again` })],
    ['status_307', 'another redirect', status(307, { location: 'http://169.254.169.254/' })],
    ['status_204', '204', status(204)],
    ['status_404', '404', status(404)],
    ['status_429', '429 for a year', status(429, { 'retry-after': '31536000' })],
    ['status_503', '503', status(503)],
    ['not_json', 'HTML', raw('<!doctype html><title>Sign in</title>')],
    ['not_json', 'nothing', raw('')],
    ['not_json', 'half an answer', raw('{"keys":[{"kty":"EC"')],
    ['not_json', 'bytes that are no UTF-8', raw(Buffer.from([0x7b, 0xff, 0x7d]))],
    ['unreadable', 'an answer that breaks off', breakOff],
    ['unreadable', 'gzip that is none', encoded('gzip', Buffer.from('{"keys":[]}'))],
    ['too_large', 'a gzip bomb of 200 MB', encoded('gzip', bomb())],
    ['too_large', '200 MB', endless],
    ['too_large', '10,000 keys', json({ keys: keys(10_000) })],
    ['not_a_key_set', '101 keys', json({ keys: keys(101) })],
    ['not_a_key_set', '{"keys":{}}', json({ keys: {} })],
    ['not_a_key_set', 'a list', json(keys(1))],
    ['not_a_key_set', 'null', json(null)],
    ['not_a_key_set', 'a key set inside a text', json(JSON.stringify({ keys: keys(1) }))],
    ['no_usable_key', 'nothing but null', json({ keys: [null] })],
    ['no_usable_key', 'deep nesting', raw(`{"keys":[${'['.repeat(1e5)}${']'.repeat(1e5)}]}`)],
  ]
}

interface Bad {
  readonly name: string
  readonly reason: string
}

async function keepsOldSet(found: Findings, stage: Stage, { name, reason }: Bad): Promise<void> {
  const before = process.memoryUsage.rss()
  const first = await stage.call()
  await stage.idle()
  const grown = Math.round((process.memoryUsage.rss() - before) / megabyte)
  const second = await stage.call()
  const failed = stage.events.filter((event) => event.type === 'keys_failed').at(-1)
  const got = [first.status, second.status, failed?.reason]
  found.equal(`${name}: good calls, reason`, got, [200, 200, reason])
  if (reason === 'too_large') found.atMost(`${name}: memory in MB`, grown, 64)
}

function raw(body: string | Buffer): RequestListener {
  return (_req, res) => void res.end(body)
}

function encoded(encoding: string, body: Buffer): RequestListener {
  return (_req, res) => void res.writeHead(200, { 'content-encoding': encoding }).end(body)
}

function bomb(): Buffer {
  return gzipSync(Buffer.alloc(200 * megabyte, ' '), { level: 9 })
}

const breakOff: RequestListener = (_req, res) => {
  res.writeHead(200, { 'content-length': '1000' })
  res.write('{"keys":[', () => res.destroy())
}

/** Writes as long as somebody reads: 200 MB at most. */
const endless: RequestListener = (_req, res) => {
  const chunk = Buffer.alloc(megabyte, ' ')
  let left = 200
  const write = (): void => {
    while (left > 0 && !res.destroyed) {
      left -= 1
      if (!res.write(chunk)) return void res.once('drain', write)
    }
    res.end()
  }
  write()
}

export const badMembers: Scenario = {
  id: 'E10',
  title: 'a bad member of a key set is left out and the rest is used',
  run: async (found) => {
    for (const [reason, name, member] of badMembersOf()) {
      await onStage({}, async (stage) => {
        const set = JSON.stringify({ keys: [member, stage.key.jwk, member] })
        // Nothing on this side could write it as an object.
        stage.idp.answerKeys(raw(set.replaceAll(`"${deepMark}"`, deep)))
        const seen = await stage.call()
        const loaded = stage.events.find((event) => event.type === 'keys_loaded')
        const got = [seen.status, loaded?.usable, loaded?.ignored]
        found.equal(`${name}: answer, keys used, left out`, got, [200, 1, [reason, reason]])
      })
    }
  },
}

const deepMark = '@deep'
const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`

function badMembersOf(): readonly (readonly [string, string, unknown])[] {
  const rsa = createKey('RS256', 'rsa')
  return [
    ['malformed', 'null', null],
    ['malformed', 'a number', 7],
    ['malformed', 'a list', []],
    ['algorithm', 'an empty object', {}],
    ['private', 'a private key', { ...sound.jwk, ...sound.privateKey.export({ format: 'jwk' }) }],
    ['private', 'a shared secret', { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' }],
    ['use', 'a key for encryption', { ...sound.jwk, use: 'enc' }],
    ['algorithm', 'another algorithm', { ...sound.jwk, alg: 'ECDH-ES' }],
    ['malformed', 'a point off the curve', { ...sound.jwk, y: sound.jwk['x'] }],
    ['malformed', 'a member beside that is 20,000 lists', { ...sound.jwk, kid: 7, e: deepMark }],
    ['weak', 'an exponent of 1', { ...publicJwk(rsa.privateKey), e: 'AQ' }],
    ['malformed', 'a modulus of 20,000 lists', { ...publicJwk(rsa.privateKey), n: deepMark }],
    ['malformed', 'a coordinate of 20,000 lists', { ...sound.jwk, x: deepMark }],
  ]
}

export const emptied: Scenario = {
  id: 'E11',
  title: 'an empty or poisoned set does not replace the old one within its grace time',
  run: async (found) => {
    const { n } = publicJwk(createKey('RS256', 'rsa').privateKey)
    await playEmptied(found, { name: 'an empty set', keys: [], ignored: [] })
    const leaked = { ...sound.jwk, ...sound.privateKey.export({ format: 'jwk' }) }
    const poisoned = [{ kty: 'RSA', n, e: 'AQ' }, leaked]
    await playEmptied(found, {
      name: 'a poisoned set',
      keys: poisoned,
      ignored: ['weak', 'private'],
    })
    await onStage({}, async (stage) => {
      stage.idp.answerKeys(json({ keys: [] }))
      found.equal('an empty set at a cold start', (await stage.call()).status, 503)
    })
  },
}

interface Emptied {
  readonly name: string
  readonly keys: readonly unknown[]
  readonly ignored: readonly string[]
}

async function playEmptied(found: Findings, { name, keys, ignored }: Emptied): Promise<void> {
  await onStage({ maxStaleSeconds: 3600 }, async (stage) => {
    await stage.call()
    stage.idp.answerKeys(json({ keys }))
    const answers = new Set<number>()
    for (let at = 0; at < 4200; at += 60) {
      answers.add((await stage.call()).status)
      await stage.idle()
      stage.advance(60)
    }
    found.equal(`${name}: good calls in the grace time`, [...answers], [200])
    const failed = stage.events.find((event) => event.type === 'keys_failed')
    const told = { reason: failed?.reason, ignored: failed?.ignored, serving: failed?.serving }
    const expected = { reason: 'no_usable_key', ignored, serving: 'fresh' }
    found.equal(`${name}: what operators are told`, told, expected)
    found.equal(`${name}: after the grace time`, (await stage.call()).status, 503)
  })
}
