import * as nodeCrypto from 'node:crypto'
import { createHash, getRandomValues } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Algorithm, algorithms } from '../../src/token/algorithm.ts'
import { createNodeEngine } from '../../src/token/engines/node-engine.ts'
import { type VerifyBytes, webEngine } from '../../src/token/engines/web-engine.ts'
import type { JsonObject } from '../../src/token/json-object.ts'
import { createSigner } from '../support/signer.ts'

// Vectors of third parties (Wycheproof, RFCs and others), which are not a part of this repository.
const file = new URL('../../../../../shared/corpora/cases.ndjson', import.meta.url)
const nodeEngine = createNodeEngine(nodeCrypto)

interface Case {
  readonly id: string
  readonly token?: string
  readonly jwks?: { readonly keys?: readonly unknown[] }
}

async function tryImport(
  engine: typeof webEngine,
  jwk: JsonObject,
  algorithm: Algorithm,
): Promise<VerifyBytes | undefined> {
  try {
    return await engine(jwk, algorithm)
  } catch {
    return undefined
  }
}

/** What both say about a signature, which has to be the same. */
async function verdictOn(
  jwk: JsonObject,
  algorithm: Algorithm,
  signed: Uint8Array,
  signature: Uint8Array,
): Promise<boolean | undefined> {
  const [node, web] = [
    await tryImport(nodeEngine, jwk, algorithm),
    await tryImport(webEngine, jwk, algorithm),
  ]
  // A key that WebCrypto does not import is not taken by the other one either.
  expect(node === undefined, `import of a key for ${algorithm}`).toBe(web === undefined)
  const verdict = await web?.(signed, signature)
  expect(await node?.(signed, signature), `a signature with ${algorithm}`).toBe(verdict)
  return verdict
}

function readCases(): readonly Case[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Case)
}

const members = ['kty', 'crv', 'n', 'e', 'x', 'y']

function publicPart(key: unknown): JsonObject {
  const entries = Object.entries(Object(key) as object)
  return Object.fromEntries(
    entries.filter(([name, value]) => members.includes(name) && typeof value === 'string'),
  )
}

function algorithmOf(header: string): Algorithm | undefined {
  try {
    const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg?: unknown }
    return algorithms.find((name) => name === alg)
  } catch {
    return undefined
  }
}

describe('both engines', () => {
  it.skipIf(!existsSync(file))('agree on every signature of the vectors', async () => {
    let signatures = 0
    for (const { token, jwks } of readCases()) {
      const [header = '', payload = '', signature = ''] = (token ?? '').split('.')
      const algorithm = algorithmOf(header)
      if (algorithm === undefined || !Array.isArray(jwks?.keys)) continue
      const signed = Buffer.from(`${header}.${payload}`)
      const bytes = Buffer.from(signature, 'base64url')
      for (const key of jwks.keys) await verdictOn(publicPart(key), algorithm, signed, bytes)
      signatures += 1
    }
    expect(signatures).toBeGreaterThan(300)
  })

  it.each(['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'Ed25519'] as const)(
    'agree on signatures with %s that were changed at random',
    async (algorithm) => {
      const signer = await createSigner('key', algorithm)
      const jwk = publicPart(signer.jwk)
      const token = await signer.sign({ sub: 'jane' })
      const dot = token.lastIndexOf('.')
      const signed = Buffer.from(token.slice(0, dot))
      const signature = Buffer.from(token.slice(dot + 1), 'base64url')
      expect(await verdictOn(jwk, algorithm, signed, signature)).toBe(true)
      for (const changed of variants(signature)) {
        expect(await verdictOn(jwk, algorithm, signed, changed)).toBe(false)
      }
      for (const other of algorithms) {
        const isSame = other === algorithm || (other === 'EdDSA' && algorithm === 'Ed25519')
        expect(await verdictOn(jwk, other, signed, signature)).toBe(
          isSame ? true : await verdictOn(jwk, other, signed, signature),
        )
      }
      const digest = createHash('sha256').update(signed).digest()
      expect(await verdictOn(jwk, algorithm, digest, signature)).toBe(false)
    },
  )
})

/** Other lengths, other bits, other bytes. */
function* variants(signature: Buffer): Iterable<Uint8Array> {
  yield Buffer.of()
  yield Buffer.alloc(signature.length)
  yield Buffer.alloc(signature.length, 0xff)
  yield signature.subarray(1)
  yield signature.subarray(0, -1)
  yield Buffer.concat([signature, Buffer.of(0)])
  yield Buffer.concat([Buffer.of(0), signature])
  yield Buffer.from(signature).reverse()
  for (let at = 0; at < 100; at++) {
    const changed = Buffer.from(signature)
    const [place = 0, bit = 0] = getRandomValues(new Uint16Array(2))
    const byte = place % changed.length
    changed[byte] = (changed[byte] ?? 0) ^ (1 << (bit % 8))
    yield changed
    yield getRandomValues(new Uint8Array(signature.length))
  }
}
