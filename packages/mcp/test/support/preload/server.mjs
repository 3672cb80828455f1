// Servers as their authors write them, who have not heard of identities. `node server.mjs v1-http`
import { createServer } from 'node:http'

const info = { name: 'notes', version: '1.0.0' }
const reply = (text) => async () => ({ content: [{ type: 'text', text }] })

function fill(server) {
  for (const name of ['read', 'purge']) server.registerTool(name, {}, reply(name))
  return server
}

function listen(handle) {
  const http = createServer((req, res) => void handle(req, res))
  http.listen(0, '127.0.0.1', () => console.error(`port ${http.address().port}`))
}

const ways = {
  'v1-stdio': async () => {
    const { McpServer } = await import('@modelcontextprotocol/sdk/server/mcp.js')
    const { StdioServerTransport } = await import('@modelcontextprotocol/sdk/server/stdio.js')
    await fill(new McpServer(info)).connect(new StdioServerTransport())
  },
  'v1-low-level-stdio': async () => {
    const { Server } = await import('@modelcontextprotocol/sdk/server/index.js')
    const { StdioServerTransport } = await import('@modelcontextprotocol/sdk/server/stdio.js')
    const { CallToolRequestSchema, ListToolsRequestSchema } = await import(
      '@modelcontextprotocol/sdk/types.js'
    )
    const server = new Server(info, { capabilities: { tools: {} } })
    const tools = ['read', 'purge'].map((name) => ({ name, inputSchema: { type: 'object' } }))
    server.setRequestHandler(ListToolsRequestSchema, async () => ({ tools }))
    server.setRequestHandler(CallToolRequestSchema, ({ params }) => reply(params.name)())
    await server.connect(new StdioServerTransport())
  },
  'v1-http': async () => {
    const { McpServer } = await import('@modelcontextprotocol/sdk/server/mcp.js')
    const { StreamableHTTPServerTransport } = await import(
      '@modelcontextprotocol/sdk/server/streamableHttp.js'
    )
    listen(async (req, res) => {
      const transport = new StreamableHTTPServerTransport({})
      await fill(new McpServer(info)).connect(transport)
      await transport.handleRequest(req, res)
    })
  },
  'v2-stdio': async () => {
    const { McpServer } = await import('@modelcontextprotocol/server')
    const { serveStdio } = await import('@modelcontextprotocol/server/stdio')
    serveStdio(() => fill(new McpServer(info)))
  },
  'v2-connected-stdio': async () => {
    const { McpServer } = await import('@modelcontextprotocol/server')
    const { StdioServerTransport } = await import('@modelcontextprotocol/server/stdio')
    await fill(new McpServer(info)).connect(new StdioServerTransport())
  },
  'v2-http': async () => {
    const { createMcpHandler, McpServer } = await import('@modelcontextprotocol/server')
    const { toNodeHandler } = await import('@modelcontextprotocol/node')
    listen(toNodeHandler(createMcpHandler(() => fill(new McpServer(info)))))
  },
  // As frameworks serve HTTP: a transport of their own, which hands messages over without headers.
  'v1-framework-http': async () => {
    const { McpServer } = await import('@modelcontextprotocol/sdk/server/mcp.js')
    const transport = { start: async () => {}, send: console.log, close: async () => {} }
    await fill(new McpServer(info)).connect(transport)
  },
  'no-sdk-http': async () => listen((_req, res) => res.end('open')),
  'no-sdk-stdio': async () => process.stdin.on('data', () => process.stdout.write('open\n')),
}

await ways[process.argv[2]]()
