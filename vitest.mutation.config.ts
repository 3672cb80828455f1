import { existsSync } from 'node:fs'
import { defaultExternalConditions } from 'vite'
import { defineConfig } from 'vitest/config'

const conditions = ['@onbehalf/source', ...defaultExternalConditions]
const [scope = '', ...named] = (process.env['SCOPE'] ?? '').split(' ')
const [name = '', folder = ''] = scope.split('/')
const own = `packages/${name}/test/${folder}`

/**
 * The tests that have to notice mutants of one folder: those that SCOPE names after it, or else those in
 * the folder of the same name, or all of the package where there is none.
 */
const folders = [own, `packages/${name}/test`].filter((path) => existsSync(path))
const tests = named.length > 0 ? named : folders.slice(0, 1)
const include = tests.map((path) => (path.endsWith('.ts') ? path : `${path}/**/*.test.ts`))

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { include, isolate: false, testTimeout: 60_000, hookTimeout: 60_000 },
})
