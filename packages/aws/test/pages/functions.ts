import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { vi } from 'vitest'
import { REGION } from './names.ts'

const example = new URL('../../../../examples/aws-lambdas/', import.meta.url)
// The AWS SDK, which Lambda's runtime has outside of the bundle, is CommonJS in parts.
const banner =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"

/** The two functions as they are deployed: one file each. */
export interface Bundles {
  /** Starts a function of the file `name`, with settings in its environment. */
  start(name: string, environment: Readonly<Record<string, string>>): Promise<unknown>
  close(): void
}

export async function buildFunctions(): Promise<Bundles> {
  const folder = mkdtempSync(join(tmpdir(), 'onbehalf-functions-'))
  await build({
    entryPoints: ['pre-token-trigger', 'request-interceptor'].map((name) =>
      fileURLToPath(new URL(`src/${name}.ts`, example)),
    ),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['@onbehalf/source'],
    banner: { js: banner },
    logLevel: 'warning',
  })
  let starts = 0
  return {
    start: async (name, environment) => {
      for (const [key, value] of Object.entries({ ...environment, AWS_REGION: REGION })) {
        vi.stubEnv(key, value)
      }
      const url = `${pathToFileURL(join(folder, `${name}.mjs`)).href}?start=${(starts += 1)}`
      return ((await import(/* @vite-ignore */ url)) as { handler: unknown }).handler
    },
    close: () => rmSync(folder, { recursive: true }),
  }
}

/** Secrets Manager with these secrets, where the AWS SDK of this process looks for it. */
export async function startSecrets(secrets: ReadonlyMap<string, string>): Promise<() => void> {
  const server = createServer((req, res) => {
    void req.toArray().then((chunks) => {
      const { SecretId } = JSON.parse(Buffer.concat(chunks).toString()) as { SecretId: string }
      const SecretString = secrets.get(SecretId)
      res.writeHead(SecretString === undefined ? 400 : 200, {
        'content-type': 'application/x-amz-json-1.1',
      })
      res.end(JSON.stringify(SecretString === undefined ? {} : { SecretString }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', `http://127.0.0.1:${port}`)
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'example')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example')
  return () => {
    server.close()
    server.closeAllConnections()
  }
}
