import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build, type Metafile } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { adasHeaders, people, resource } from './support/identities.ts'
import type { serve } from './support/worker.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

describe('an entry that is for every runtime', () => {
  it.each([
    '@onbehalf/core',
    '@onbehalf/core/auth-info',
    '@onbehalf/core/fetch',
    '@onbehalf/core/guards',
    '@onbehalf/core/internal',
    '@onbehalf/core/issuers',
    '@onbehalf/core/proxies',
    '@onbehalf/hono',
  ])('reaches no module of Node: %s', async (entry) => {
    expect(await outsideOf(`export * from '${entry}'`)).toEqual([])
  })

  it('is not @onbehalf/core/node, so this would show', async () => {
    expect(await outsideOf(`export * from '@onbehalf/core/node'`)).toEqual(['node:tls'])
  })
})

describe('a server on web standards', () => {
  it('runs where nothing of Node is', async () => {
    const worker = await loadWorker()
    const env = { issuer: people.issuer, resource, jwks: people.jwks }
    const ask = (headers: Record<string, string>) => worker(new Request(resource, { headers }), env)
    const admitted = await ask(await adasHeaders())
    expect([admitted.status, await admitted.json()]).toEqual([200, { subject: 'ada' }])
    expect((await ask(await adasHeaders({ aud: 'https://other.example' }))).status).toBe(401)
    expect((await ask({})).status).toBe(401)
  })
})

/** Modules that code asks of its runtime, once all packages are in one file. */
async function outsideOf(contents: string): Promise<string[]> {
  const { metafile } = await bundle({ contents })
  return importsOf(metafile)
}

async function loadWorker(): Promise<typeof serve> {
  const { text } = await bundle({ contents: `export * from './test/adapters/support/worker.ts'` })
  const { Request, Response, Headers, URL, URLSearchParams, TextEncoder, TextDecoder } = globalThis
  const { AbortSignal, AbortController, atob, btoa, fetch, crypto, CryptoKey, console } = globalThis
  // Bytes that go in and out of `crypto` have to be of one kind.
  const bytes = { Uint8Array, ArrayBuffer }
  const web = { Request, Response, Headers, URL, URLSearchParams, TextEncoder, TextDecoder }
  const more = { AbortSignal, AbortController, atob, btoa, fetch, crypto, CryptoKey, console }
  const context = createContext({ ...web, ...more, ...bytes, structuredClone })
  return runInContext(`${text}; worker.serve`, context) as typeof serve
}

async function bundle({ contents }: { readonly contents: string }) {
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    metafile: true,
    format: 'iife',
    globalName: 'worker',
    target: 'es2022',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['@onbehalf/source', 'import', 'workerd'],
    external: ['node:*'],
  })
  return { metafile, text: outputFiles[0]?.text ?? '' }
}

function importsOf({ inputs }: Metafile): string[] {
  const imports = Object.values(inputs).flatMap((input) => input.imports)
  return [...new Set(imports.filter(({ external }) => external).map(({ path }) => path))]
}
