// The same in CommonJS.
const { createServer } = require('node:http')

const info = { name: 'notes', version: '1.0.0' }

function fill(server) {
  for (const name of ['read', 'purge']) {
    server.registerTool(name, {}, async () => ({ content: [{ type: 'text', text: name }] }))
  }
  return server
}

function listen(handle) {
  const http = createServer((req, res) => void handle(req, res))
  http.listen(0, '127.0.0.1', () => console.error(`port ${http.address().port}`))
}

const ways = {
  'v1-stdio': async () => {
    const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js')
    const { StdioServerTransport } = require('@modelcontextprotocol/sdk/server/stdio.js')
    await fill(new McpServer(info)).connect(new StdioServerTransport())
  },
  'v2-http': async () => {
    const { createMcpHandler, McpServer } = require('@modelcontextprotocol/server')
    const { toNodeHandler } = require('@modelcontextprotocol/node')
    listen(toNodeHandler(createMcpHandler(() => fill(new McpServer(info)))))
  },
}

void ways[process.argv[2]]()
