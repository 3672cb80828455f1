import { createNodeEngine } from './node-engine.ts'
import { type ImportKey, webEngine } from './web-engine.ts'

/**
 * The engine of this runtime: on Node, OpenSSL on the thread of the caller; elsewhere WebCrypto.
 *
 * Measured on two cores with Node 20, processor time of a verification on the thread of the caller and
 * in the pool of threads: with one caller at a time RS256 48 and 545 µs, ES256 81 and 131, EdDSA 95
 * and 421, RS256 of 4096 bits 80 and 438; with 32 callers 36 and 55, 80 and 90, 92 and 95, 88 and 87. The
 * hand-over costs at least as much as it gives, and a caller who waits for nothing makes no promise.
 */
export const importKey: ImportKey = chooseEngine()

function chooseEngine(): ImportKey {
  // Bun, Deno and Workers have a `node:crypto` as well, with another library behind it.
  const { process, navigator } = globalThis as Runtime
  const { node, bun, deno } = process?.versions ?? {}
  const isNode = node !== undefined && bun === undefined && deno === undefined
  const crypto = process?.getBuiltinModule?.('node:crypto')
  const isWhole =
    typeof crypto?.verify === 'function' && typeof crypto.createPublicKey === 'function'
  if (!isNode || !isWhole) return webEngine
  return navigator?.userAgent === 'Cloudflare-Workers' ? webEngine : createNodeEngine(crypto)
}

interface Runtime {
  readonly process?: {
    readonly versions?: Readonly<Record<string, string | undefined>>
    readonly getBuiltinModule?: (name: 'node:crypto') => typeof import('node:crypto') | undefined
  }
  readonly navigator?: { readonly userAgent?: unknown }
}
