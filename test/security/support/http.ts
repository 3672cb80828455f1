import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** Header lines in the order in which they go out. */
export type Lines = readonly (readonly [name: string, value: string])[]

export interface Answer {
  readonly status: number
  /** All but what belongs to the connection, and the id of the request. */
  readonly headers: Lines
  readonly body: string
}

export interface Listening {
  readonly port: number
  readonly close: () => void
}

/** Serves on a free port of the loopback. */
export async function listen(
  app: RequestListener,
  options: ServerOptions = {},
): Promise<Listening> {
  const server: Server = createServer(options, app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { port, close }
}

export interface RequestParts {
  /** Default: POST. */
  readonly method?: string
  /** Default: empty. */
  readonly body?: string
}

/** Sends lines byte by byte as they are: also what no client library would let through. */
export async function sendLines(
  port: number,
  lines: Lines,
  target = '/mcp',
  { method = 'POST', body = '' }: RequestParts = {},
): Promise<Answer> {
  const socket = connect(port, '127.0.0.1')
  const head = [
    `${method} ${target} HTTP/1.1`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
    ...(lines.some(([name]) => name.toLowerCase() === 'host') ? [] : ['host: mcp.example']),
    'connection: close',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`, 'latin1')
  socket.write(body)
  return parseAnswer((await buffer(socket)).toString('utf8'))
}

// Of the connection, or another one for each request.
const notCompared = new Set(['connection', 'content-length', 'date', 'keep-alive', 'x-request-id'])

function parseAnswer(text: string): Answer {
  const end = text.indexOf('\r\n\r\n')
  const [status = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = lines.map((line) => splitLine(line))
  return {
    status: Number(status.split(' ')[1]),
    headers: headers.filter(([name]) => !notCompared.has(name)),
    body: text.slice(end + 4),
  }
}

function splitLine(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}
