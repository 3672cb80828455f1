import { existsSync } from 'node:fs'
import { defaultExternalConditions } from 'vite'
import { defineConfig } from 'vitest/config'

const conditions = ['@onbehalf/source', ...defaultExternalConditions]
const [name = '', folder = ''] = (process.env['SCOPE'] ?? '').split('/')
const own = `packages/${name}/test/${folder}`
const include = [`${existsSync(own) ? own : `packages/${name}/test`}/**/*.test.ts`]

/**
 * The tests that have to notice mutants of one folder: those in the folder of the same name, or all of
 * the package where there is none.
 */
export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { include, isolate: false, testTimeout: 60_000, hookTimeout: 60_000 },
})
