import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { StdioServerTransport as StdioV1 } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StdioServerTransport as StdioV2, serveStdio } from '@modelcontextprotocol/server/stdio'
import {
  currentIdentity,
  identityOf,
  protect,
  protectedStdio,
  requireOrg,
  type ServerEvent,
  type TokenOptions,
} from '@onbehalf/mcp'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { modern, type Rpc } from './support/http-host.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, reasonOf } from './support/raw.ts'
import { createTokenAuthenticator, mintToken, start } from './support/tokens.ts'

let time = start
const now = () => time
const authenticator = createTokenAuthenticator(now)

function mint(sub: string, { seconds = 300, org = 'acme' } = {}): string {
  return mintToken({ sub, org_id: org, iat: time, exp: time + seconds })
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-'))
})
afterAll(() => rm(folder, { recursive: true }))

function build(generation: 'v1' | 'v2') {
  const server = makeServer(generation)
  server.registerTool(
    'who',
    { inputSchema: nothing },
    requireOrg('acme', async (_args: object, ctx) =>
      reply([ctx.identity.subject, identityOf(ctx)?.subject, currentIdentity()?.subject].join()),
    ),
  )
  return server
}

const hello = {
  jsonrpc: '2.0',
  id: 'hello',
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  },
}
const legacyCall = (id: number) => call(id, 'who')
const modernCall = (id: number) => modern('tools/call', { name: 'who', arguments: {} }, id).body
type Options = TokenOptions & { readonly onEvent?: (event: ServerEvent) => void }

const usual = { authenticator, clock: now, trackIdentity: true }

function openV1(input: PassThrough, output: PassThrough, options: Options): Promise<void> {
  return protect(build('v1'), { ...usual, ...options }).connect(new StdioV1(input, output))
}

async function openV2(input: PassThrough, output: PassThrough, options: Options): Promise<void> {
  const transport = new StdioV2(input, output)
  protectedStdio(serveStdio, () => build('v2') as never, { ...usual, ...options, transport })
}

const lines = [
  {
    line: 'v1',
    first: [hello],
    ask: legacyCall,
    open: openV1,
  },
  {
    line: 'v2 legacy era',
    first: [hello],
    ask: legacyCall,
    open: openV2,
  },
  {
    line: 'v2 2026-07-28 era',
    first: [],
    ask: modernCall,
    open: openV2,
  },
]

afterEach(() => {
  time = start
})

describe.each(lines)('a line with an identity ($line)', ({ first, ask, open }) => {
  async function connect(options: Options) {
    const [input, output] = [new PassThrough(), new PassThrough()]
    const answers = new Map<unknown, Rpc>()
    let text = ''
    output.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      const complete = text.split('\n')
      text = complete.pop() ?? ''
      for (const part of complete) {
        const answer = JSON.parse(part) as Rpc
        answers.set(answer.id, answer)
      }
    })
    await open(input, output, options)
    let id = 0
    for (const message of first) input.write(`${JSON.stringify(message)}\n`)
    return async () => {
      id += 1
      input.write(`${JSON.stringify(ask(id))}\n`)
      for (let round = 0; round < 200 && !answers.has(id); round++) await delay(5)
      const answer = answers.get(id) ?? {}
      const content = answer.result?.['content'] as { text: string }[] | undefined
      return reasonOf(answer) ?? content?.[0]?.text
    }
  }

  test('runs calls for the person of the token, everywhere below the handler', async () => {
    const who = await connect({ token: mint('ada') })
    expect(await who()).toBe('ada,ada,ada')
  })

  test('decides on that person', async () => {
    const who = await connect({ token: mint('eve', { org: 'globex' }) })
    expect(await who()).toBe('org_mismatch')
  })

  test('looks at the expiry at every message', async () => {
    const who = await connect({ token: mint('ada', { seconds: 60 }) })
    expect(await who()).toBe('ada,ada,ada')
    time += 200
    expect(await who()).toBe('identity_expired')
  })

  test('reads a token file again when it changed, in place or as a whole', async () => {
    const tokenFile = join(folder, `token-${Math.random()}`)
    await writeFile(tokenFile, `${mint('ada', { seconds: 60 })}\n`)
    const refused: unknown[] = []
    const onEvent = (event: ServerEvent) => event.type === 'refused' && refused.push(event.reason)
    const who = await connect({ tokenFile, onEvent })
    expect(await who()).toBe('ada,ada,ada')
    time += 200
    expect(await who()).toBe('identity_expired')
    await writeFile(tokenFile, mint('ada'))
    expect(await who()).toBe('ada,ada,ada')
    await writeFile(`${tokenFile}.new`, mint('bob'))
    await rename(`${tokenFile}.new`, tokenFile)
    expect(await who()).toBe('bob,bob,bob')
    expect(refused).toEqual([])
    await writeFile(tokenFile, 'not a token')
    expect(await who()).toBe('identity_missing')
    await rm(tokenFile)
    expect(await who()).toBe('identity_missing')
    expect(refused).toEqual([expect.any(String), 'token_file_unreadable'])
    await writeFile(tokenFile, mint('ada'))
    expect(await who()).toBe('ada,ada,ada')
  })
})

describe('the token of a line', () => {
  test('rejects the start when it is refused', async () => {
    const token = mint('ada', { seconds: -600 })
    await expect(openV1(new PassThrough(), new PassThrough(), { token })).rejects.toMatchObject({
      code: 'TOK',
      reason: 'expired',
    })
  })

  test('must be given once', async () => {
    const both = openV1(new PassThrough(), new PassThrough(), { token: 'a', tokenFile: 'b' })
    await expect(both).rejects.toThrow(
      new TypeError('either token or tokenFile must be given, not both'),
    )
    const neither = openV1(new PassThrough(), new PassThrough(), {})
    await expect(neither).rejects.toThrow(
      new TypeError('a transport without headers needs token or tokenFile'),
    )
  })

  // What a framework connects for each of its HTTP clients, and hands messages to without headers.
  test('is given to no other transport', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warned.mockRestore())
    const started = vi.fn<() => Promise<void>>(async () => {})
    const ofFramework = { start: started, send: async () => {}, close: async () => {} }
    const refused =
      'token and tokenFile are for stdio: over this transport, anyone who reaches it would be their user'
    for (const generation of ['v1', 'v2'] as const) {
      for (const given of [{ token: mint('ada') }, { tokenFile: '/run/secrets/mcp-token' }]) {
        const server = protect(build(generation), { ...usual, ...given })
        await expect(async () => server.connect(ofFramework as never)).rejects.toThrow(
          new TypeError(refused),
        )
      }
    }
    expect(started).not.toHaveBeenCalled()
    expect(warned).toHaveBeenCalledOnce()
    const around = { ...ofFramework, transport: new StdioV1(new PassThrough(), new PassThrough()) }
    await protect(build('v1'), { ...usual, token: mint('ada') }).connect(around as never)
    expect(started).toHaveBeenCalledOnce()
  })

  test('must not come from a variable that is not set', () => {
    const token = process.env['ONBEHALF_NO_SUCH_VARIABLE'] as string
    expect(() => protect(build('v1'), { ...usual, token })).toThrow(
      new TypeError('token must not be undefined'),
    )
  })
})
