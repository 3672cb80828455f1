import { spawnSync } from 'node:child_process'
import { request } from 'node:http'
import type { Block } from '../docs/markdown.ts'
import type { Algorithm, Issuers } from './issuers.ts'
import { exportsIn, isForOperator, printedSoon, type Started } from './start-program.ts'

/** A page with a server that a reader can copy, start and call. */
export interface PageProgram {
  readonly file: string
  readonly program: Block
  /** All blocks of the page, in their order. */
  readonly blocks: readonly Block[]
  /** The text of the page. */
  readonly text: string
}

const message = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'list_invoices', arguments: { month: '2026-10' } },
})

/**
 * Calls a program without credentials, with those that the page shows, and by each `curl` of the
 * page.
 *
 * @returns one line for each answer that is not what the page says
 */
export async function callPage(
  page: PageProgram,
  url: string,
  started: Started,
  issuers: Issuers,
): Promise<readonly string[]> {
  const [, path = '/mcp'] =
    /\.(?:all|get|post)\('(\/[^']+)'/.exec(page.program.lines.join('\n')) ?? []
  const target = url + path
  const complaints: string[] = []
  const bare = await send(target, {})
  if (bare.status !== 401) complaints.push(`without credentials the answer is ${bare.status}`)
  const shown = await credentialsOf(page, issuers)
  if (shown !== undefined) {
    const { status, text } = await send(target, shown)
    const isAllowed = status === 200 && !text.includes('"isError":true')
    if (!isAllowed) complaints.push(`with the credentials of the page: ${status} ${text}`)
  }
  complaints.push(...callByCurl(page, url, exportsIn(started.output())))
  return [...complaints, ...(await missingLines(page, started))]
}

/** What the page says that its operator sees, and nobody saw. */
async function missingLines({ blocks }: PageProgram, started: Started): Promise<readonly string[]> {
  const shown = blocks.filter(({ language }) => language === 'text').flatMap(({ lines }) => lines)
  const missing: string[] = []
  for (const line of shown.filter(isForOperator)) {
    const isThere = await printedSoon(started, line)
    if (!isThere) missing.push(`the operator does not see ${line}`)
  }
  return missing
}

function send(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; text: string }> {
  const method = url.endsWith('/mcp') ? 'POST' : 'GET'
  const accept = 'application/json, text/event-stream'
  const options = {
    method,
    headers: { host: 'mcp.example.com', accept, 'content-type': 'application/json', ...headers },
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
    outgoing.end(method === 'POST' ? message : undefined)
  })
}

/** The headers of the first request that the page shows, with tokens of the claims below it. */
async function credentialsOf(
  { blocks }: PageProgram,
  issuers: Issuers,
): Promise<Record<string, string> | undefined> {
  const at = blocks.findIndex(
    ({ language, lines }) => language === 'http' && /^(?:POST|GET) \/mcp /.test(lines[0] ?? ''),
  )
  const shown = blocks[at]
  if (shown === undefined) return undefined
  const claims = blocks.slice(at + 1).filter(({ language }) => language === 'json')
  const headers: Record<string, string> = {}
  for (const line of shown.lines.slice(1)) {
    const [, name = '', value = ''] = /^([\w-]+): (.*)$/.exec(line) ?? []
    const [, scheme, token] = /^(Bearer )?(eyJ\S*)$/.exec(value) ?? []
    if (token === undefined) headers[name] = value
    else {
      const decoded = JSON.parse(claims.shift()?.lines.join('\n') ?? '{}') as Record<
        string,
        unknown
      >
      headers[name] = `${scheme ?? ''}${await issuers.sign(decoded, algorithmOf(token))}`
    }
  }
  return headers
}

/** As the shortened token says that a page shows. */
function algorithmOf(token: string): Algorithm {
  return Buffer.from(token, 'base64url').toString('latin1').includes('ES256') ? 'ES256' : 'RS256'
}

/** Each `curl` to this host gets what the page shows below it, or the status that it names next. */
function callByCurl(
  { blocks, text }: PageProgram,
  url: string,
  variables: Readonly<Record<string, string>>,
): readonly string[] {
  const lines = text.split('\n')
  return blocks.flatMap((block, index) => {
    const command = block.lines.join('\n')
    if (block.language !== 'sh' || !/^curl [^]*127\.0\.0\.1:3000/.test(command)) return []
    const shown = blocks[index + 1]
    const showsAnswer = shown?.language === 'text'
    const after = lines.slice(block.line + block.lines.length).join('\n')
    const expected = showsAnswer ? shown.lines.join('\n') : /\b[1-5]\d\d\b/.exec(after)?.[0]
    const status = showsAnswer ? '' : " -s -o /dev/null -w '%{http_code}'"
    const { stdout } = spawnSync(
      'sh',
      ['-c', command.replaceAll('http://127.0.0.1:3000', url) + status],
      {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], ...variables },
      },
    )
    if (stdout.trim() === expected) return []
    return [`line ${block.line}: curl gets ${stdout}, not ${expected}`]
  })
}
