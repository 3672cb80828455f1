/** A program that serves stdin and stdout, for the person whose claims are in the environment. */
import { McpServer } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { protectedStdio, requireOrg } from '@onbehalf/mcp'
import { nothing, reply } from './make-server.ts'
import { createTokenAuthenticator, mintToken, start } from './tokens.ts'

const capabilities = { resources: { subscribe: true }, tools: { listChanged: true } }

function createServer(): McpServer {
  const server = new McpServer({ name: 'test', version: '1' }, { capabilities })
  for (const org of ['acme', 'globex']) {
    const read = requireOrg(org, async () => ({ contents: [] }))
    server.registerResource(org, `note://${org}`, {}, read)
  }
  server.registerTool('touch', { inputSchema: nothing }, async () => {
    for (const org of ['globex', 'acme']) {
      await server.server.sendResourceUpdated({ uri: `note://${org}` })
    }
    return reply('touched')
  })
  return server
}

const claims = JSON.parse(process.env['TEST_CLAIMS'] ?? '{}') as object
const authenticator = createTokenAuthenticator(() => start)
protectedStdio(serveStdio, createServer, {
  authenticator,
  transport: new StdioServerTransport(),
  token: mintToken(claims),
  clock: () => start,
})
