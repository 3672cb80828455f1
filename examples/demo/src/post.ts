import { request } from 'node:http'
import type { ExampleServer } from './example-server.ts'
import type { Outcome } from './outcome.ts'

const body = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'list_invoices', arguments: {} },
})

/**
 * Calls a server by hand, with header lines as they are given, duplicates included. The verdict is
 * the status that the caller sees and the reason that the server reported to its operator.
 */
export async function post(
  url: string,
  headers: Readonly<Record<string, string | string[]>>,
  server: ExampleServer,
): Promise<Outcome> {
  const seen = server.log.length
  const { status, text } = await send(url, headers)
  if (status === 200) return { verdict: 'allowed', answer: text }
  return { verdict: `${status} ${await nextReason(server, seen)}`, answer: text }
}

function send(
  url: string,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<{ status: number; text: string }> {
  const accept = 'application/json, text/event-stream'
  const options = {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json', ...headers },
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const waitSeconds = 60

/** The line that the refusal left in the server's log; it comes through another pipe than the answer. */
async function nextReason(server: ExampleServer, seen: number): Promise<string> {
  const until = Date.now() + waitSeconds * 1000
  while (server.log.length === seen && server.process.exitCode === null && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return server.log.at(-1)?.replace('refused: ', '') ?? 'nothing in the log'
}
