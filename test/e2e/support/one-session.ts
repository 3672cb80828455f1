import { type Headers, type McpClient, type Result, toAnswer } from './clients.ts'

const accept = 'application/json, text/event-stream'

/** Makes clients that all speak in one and the same session, each as whoever they are. */
export async function openSession(
  url: URL,
  opener: Headers,
): Promise<(headers: Headers) => McpClient> {
  const clientInfo = { name: 'test', version: '1.0.0' }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  const hello = await send(url, opener, { id: 'hello', method: 'initialize', params })
  const session = hello.headers.get('mcp-session-id') ?? ''
  await hello.text()
  // Ids are the session's: two requests in flight cannot share one.
  let lastId = 0

  async function request(headers: Headers, method: string, params: object): Promise<Result> {
    const inSession = { ...headers, 'mcp-session-id': session }
    const response = await send(url, inSession, { id: ++lastId, method, params })
    return readResult(await response.text())
  }

  return (headers) => ({
    listTools: async () => {
      const { tools } = (await request(headers, 'tools/list', {})) as unknown as ToolList
      return tools.map(({ name }) => name)
    },
    call: async (name, args) =>
      toAnswer(await request(headers, 'tools/call', { name, arguments: args })),
    close: async () => {},
  })
}

interface ToolList {
  readonly tools: readonly { readonly name: string }[]
}

function send(url: URL, headers: Headers, message: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { ...headers, accept, 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
}

/** The result in an event stream of one message. */
function readResult(stream: string): Result {
  const data = stream.split('\n').find((line) => line.startsWith('data: '))
  if (data === undefined) throw new Error(`no message in ${stream}`)
  const { result } = JSON.parse(data.slice('data: '.length)) as { result?: Result }
  if (result === undefined) throw new Error(`no result in ${data}`)
  return result
}
