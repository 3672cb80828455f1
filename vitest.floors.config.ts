import { mergeConfig } from 'vitest/config'
import base from './vitest.config.ts'

const { SDK_V1: v1, SDK_V2: v2 } = process.env

/** The tests on other versions of the SDKs than the installed ones: scripts/floors.ts sets where they are. */
export default mergeConfig(base, {
  resolve: {
    alias: [
      ...(v1
        ? [{ find: /^@modelcontextprotocol\/sdk\/(.*)$/, replacement: `${v1}/dist/esm/$1` }]
        : []),
      ...(v2
        ? [
            { find: /^@modelcontextprotocol\/server$/, replacement: `${v2}/dist/index.mjs` },
            { find: /^@modelcontextprotocol\/server\/stdio$/, replacement: `${v2}/dist/stdio.mjs` },
          ]
        : []),
    ],
  },
  test: { reporters: ['dot'] },
})
