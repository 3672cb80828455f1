/** Loaded before a server, by `--import`. */
import { role } from '@onbehalf/core/guards'
import { guardServers } from '@onbehalf/mcp/preload'
import { createTokenAuthenticator, mintToken, start } from '../tokens.ts'

const clock = () => start
const claims = JSON.parse(process.env['TEST_CLAIMS'] ?? 'null') as object | null
const token = claims ? mintToken(claims) : undefined
// Its keys are of this process alone: callers over HTTP get theirs from it.
console.error(`token ${token}`)
guardServers({
  authenticator: createTokenAuthenticator(clock, process.env['TEST_RESOURCE']),
  clock,
  ...(token !== undefined && { token }),
  rules: [{ kind: 'tool', name: process.env['TEST_TOOL'] ?? 'purge', guard: role('operator') }],
})
