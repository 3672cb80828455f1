import { availableParallelism } from 'node:os'
import { defaultExternalConditions } from 'vite'
import { defineConfig } from 'vitest/config'

// Those of Node itself, which loads every dependency: not `module`, which is for bundlers.
const conditions = ['@onbehalf/source', ...defaultExternalConditions]

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    projects: [
      // Units without state of a process: their files share what they import.
      {
        extends: true,
        test: { name: 'core', include: ['packages/core/test/**/*.test.ts'], isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'all others',
          include: ['{packages/!(core),examples/*}/test/**/*.test.ts', 'test/**/*.test.ts'],
        },
      },
    ],
    reporters: ['default', ['json', { outputFile: '.artifacts/tests.json' }]],
    // Of its own accord vitest leaves a processor to itself, which is half of a small machine; and
    // many files wait for the processes that they start.
    maxWorkers: Math.max(3, availableParallelism()),
    // Enough for a machine that has twenty times too much to do.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
})
