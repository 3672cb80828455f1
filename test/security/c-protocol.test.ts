import { inspect } from 'node:util'
import type { Identity } from '@onbehalf/core'
import { identityOf } from '@onbehalf/mcp'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { compositions } from './support/compositions.ts'
import { refusals } from './support/expect-refused.ts'
import type { Lines } from './support/http.ts'
import {
  answersIn,
  bare,
  callBatch,
  callTool,
  change,
  denialIn,
  initialize,
  type McpMessage,
  protocolVersions,
} from './support/mcp-messages.ts'
import { mcpServers, serveOldSse, serveV2 } from './support/mcp-servers.ts'
import { type Asked, as, type McpSite, startMcpSite } from './support/mcp-site.ts'
import { now } from './support/names.ts'
import { failOnUnhandled } from './support/unhandled.ts'

failOnUnhandled()

const ada = as('ada')
const eve = as('eve', { org_id: 'globex' })
const expired = as('ada', { iat: now - 7200, exp: now - 3600 })
const acmeOnly = { tool: 'acme_only' }
const modern = '2026-07-28'

/** Every server on everything it can be built with. */
const sites = compositions.flatMap(([framework, compose]) =>
  mcpServers.map(([server, serve]) => ({ framework, server, compose, serve })),
)

/** What can be sent under a protocol version. */
const requests: readonly (readonly [name: string, (version?: string) => McpMessage])[] = [
  ['a call', (version) => callTool(version, acmeOnly)],
  ['a batch', (version) => callBatch(version, acmeOnly)],
  ['a stream', (version) => bare(version, 'GET')],
  ['the end of a session', (version) => bare(version, 'DELETE')],
  ['any other method', (version) => bare(version, 'PUT')],
]

describe.each(sites)('C8 $server on $framework', ({ server, compose, serve }) => {
  it.each(protocolVersions)(
    'C8 asks for a good token under every protocol version: %s',
    async (version) => {
      const site = await startMcpSite(compose, serve)
      for (const session of [[], await openSession(site, ada)]) {
        for (const [, toMessage] of requests) {
          const { lines, parts } = toMessage(version)
          const all = [...lines, ...session]
          expect(await site.send(all, parts)).toEqual(refusals.MISSING)
          expect(await site.send([...all, ...expired], parts)).toEqual(refusals.TOK)
          expect(await site.send([...all, ...ada, ...ada], parts)).toEqual(refusals.REQ)
          const target = '/mcp?access_token=x'
          expect(await site.send([...all, ...ada], parts, target)).toEqual(refusals.REQ)
        }
      }
      expect(site.ran).toEqual([])
    },
  )

  it.each(protocolVersions)(
    'C8 denies a caller without rights under every protocol version: %s',
    async (version) => {
      const site = await startMcpSite(compose, serve)
      const session = await openSession(site, eve)
      for (const [, toMessage] of requests) {
        const { lines, parts } = toMessage(version)
        const answer = await site.ask([...lines, ...session, ...eve], parts)
        if (parts.method === undefined && answer.status === 200) expectDenied(answer)
      }
      expect(site.ran).toEqual([])
    },
  )

  const spoken = protocolVersions.filter(
    (version) => version !== 'junk' && (version !== modern || server === 'SDK v2'),
  )

  it.each(spoken)('C8 lets a caller with rights through under version %s', async (version) => {
    const site = await startMcpSite(compose, serve)
    const session = await openSession(site, ada)
    const call = callTool(version, acmeOnly)
    await site.ask([...call.lines, ...session, ...ada], call.parts)
    expect(site.ran).toEqual(['acme_only ada'])
    // The 2026-07-28 revision has no batches.
    const batch = callBatch(version, acmeOnly)
    await site.ask([...batch.lines, ...session, ...ada], batch.parts)
    expect(site.ran).toHaveLength(version === modern ? 1 : 3)
  })

  it('C8 decides on each item of a batch', async () => {
    const site = await startMcpSite(compose, serve)
    const session = await openSession(site, eve)
    const items = ['open', 'acme_only'].map((tool, at) =>
      JSON.parse(callTool(undefined, { tool, id: at + 1 }).parts.body ?? ''),
    )
    const { lines } = callTool(undefined, acmeOnly)
    const body = JSON.stringify(items)
    const { text } = await site.ask([...lines, ...session, ...eve], { body })
    const answers = answersIn(text)
    expect(site.ran).toEqual(['open eve'])
    expect(denialIn(answers.find(({ id }) => id === 2) ?? {})).toBe('org_mismatch')
  })
})

describe.each(compositions)('C8 the transport of 2024-11-05 on %s', (_framework, compose) => {
  it('C8 asks for a good token at the stream and at its messages', async () => {
    const site = await startMcpSite(compose, serveOldSse)
    const open = bare(undefined, 'GET')
    const call = callTool(undefined, acmeOnly)
    for (const [credential, refusal] of [
      [[], refusals.MISSING],
      [expired, refusals.TOK],
    ] as const) {
      expect(await site.send([...open.lines, ...credential], open.parts)).toEqual(refusal)
      const stream = await openStream(site, ada)
      const all = [...call.lines, ...credential]
      expect(await site.send(all, call.parts, stream.target)).toEqual(refusal)
    }
    expect(site.ran).toEqual([])
  })

  it('C8 decides for the sender of the message, not for the opener of the stream', async () => {
    const site = await startMcpSite(compose, serveOldSse)
    const [own, adas] = [await openStream(site, eve), await openStream(site, ada)]
    const call = callTool(undefined, acmeOnly)
    await site.send([...call.lines, ...eve], call.parts, own.target)
    await own.until('org_mismatch')
    await site.send([...call.lines, ...eve], call.parts, adas.target)
    expect(site.ran).toEqual([])
    const { lines, parts } = callTool(undefined, { ...acmeOnly, id: 2 })
    await site.send([...lines, ...ada], parts, adas.target)
    await adas.until('"acme"')
    expect(site.ran).toEqual(['acme_only ada'])
  })
})

describe.each(compositions)('C9 headers that repeat the body, on %s', (_framework, compose) => {
  type Changes = Readonly<Record<string, string | undefined>>
  const lies: readonly (readonly [string, Changes])[] = [
    ['the name of a public tool', { 'mcp-name': 'open' }],
    ['the name in another case', { 'mcp-name': 'LEDGER' }],
    ['two names', { 'mcp-name': 'ledger, open' }],
    ['no name', { 'mcp-name': undefined }],
    ['a method that anyone may call', { 'mcp-method': 'tools/list' }],
    ['a method without parameters', { 'mcp-method': 'ping' }],
    ['no method', { 'mcp-method': undefined }],
    ['an earlier version', { 'mcp-protocol-version': '2025-06-18' }],
    ['no version', { 'mcp-protocol-version': undefined }],
    ['another argument', { 'mcp-param-orgid': 'globex' }],
    ['no argument', { 'mcp-param-orgid': undefined }],
  ]

  it.each(lies)('C9 answers 400 to headers that say something else: %s', async (_what, lie) => {
    const site = await startMcpSite(compose, serveV2)
    const call = callTool(modern, { tool: 'ledger', args: { orgId: 'acme' } })
    for (const caller of [ada, eve]) {
      const answer = await site.ask([...change(call.lines, lie), ...caller], call.parts)
      expect(answer.status).toBe(400)
      expect(answersIn(answer.text)[0]?.error?.code).toBe(-32_020)
    }
    expect(site.ran).toEqual([])
    await site.ask([...call.lines, ...ada], call.parts)
    expect(site.ran).toEqual(['ledger ada'])
  })

  it('C9 runs no public tool under the name of a guarded one, nor the other way', async () => {
    const site = await startMcpSite(compose, serveV2)
    for (const [tool, name] of [
      ['open', 'acme_only'],
      ['acme_only', 'open'],
    ] as const) {
      const { lines, parts } = callTool(modern, { tool })
      const { status } = await site.ask([...change(lines, { 'mcp-name': name }), ...eve], parts)
      expect(status).toBe(400)
    }
    expect(site.ran).toEqual([])
  })

  it('C9 refuses who has no rights when headers and body agree', async () => {
    const site = await startMcpSite(compose, serveV2)
    const call = callTool(modern, { tool: 'ledger', args: { orgId: 'acme' } })
    expectDenied(await site.ask([...call.lines, ...eve], call.parts))
    expect(site.ran).toEqual([])
  })
})

describe.each(sites)('C9 $server on $framework, before 2026-07-28', ({ compose, serve }) => {
  const versions = protocolVersions.filter((version) => version !== modern && version !== 'junk')

  it.each(versions)('C9 decides on the body whatever the headers say: %s', async (version) => {
    const site = await startMcpSite(compose, serve)
    const ask = async (caller: Lines, tool: string, claimed: string): Promise<Asked> => {
      const session = await openSession(site, caller)
      const { lines, parts } = callTool(version, { tool, args: { orgId: 'acme' } })
      const headers = { 'mcp-method': 'ping', 'mcp-name': claimed, 'mcp-param-orgid': 'globex' }
      return site.ask([...change(lines, headers), ...session, ...caller], parts)
    }
    expectDenied(await ask(eve, 'acme_only', 'open'))
    expectDenied(await ask(eve, 'ledger', 'open'))
    expect(site.ran).toEqual([])
    await ask(eve, 'open', 'acme_only')
    await ask(ada, 'ledger', 'open')
    expect(site.ran).toEqual(['open eve', 'ledger ada'])
  })
})

describe.each(sites)('C11 $server on $framework', ({ compose, serve }) => {
  const people = Array.from({ length: 40 }, (_, index) => `person-${index}`)

  it('C11 distinguishes interleaved calls', async () => {
    const site = await startMcpSite(compose, serve)
    const sessions = await Promise.all(people.map((person) => openSession(site, as(person))))
    const calls = people.flatMap((person, at) =>
      [0, 1, 2].map((n) => ({ person, session: sessions[at] ?? [], id: at * 3 + n })),
    )
    const answers = await Promise.all(
      calls.map(async ({ person, session, id }) => {
        const { lines, parts } = callTool(undefined, { tool: 'whose', id })
        const { text } = await site.ask([...lines, ...session, ...as(person)], parts)
        const [answer] = answersIn(text)
        return { id: answer?.id, saw: JSON.parse(answer?.result?.content?.[0]?.text ?? '') }
      }),
    )
    const expected = calls.map(({ person, id }) => {
      const saw = { subject: person, below: person, context: person, expiresAt: now + 300 }
      return { id, saw: [saw, saw] }
    })
    expect(answers).toEqual(expected)
  })
})

describe.each(sites)('C12 $server on $framework', ({ compose, serve }) => {
  it('C12 lets a call outlive its token, and refuses the next', async () => {
    const site = await startMcpSite(compose, serve)
    const session = await openSession(site, ada)
    const { lines, parts } = callTool(undefined, { tool: 'slow' })
    const short = [...lines, ...session, ...as('ada', { exp: now + 2 })]
    const running = site.ask(short, parts)
    await vi.waitFor(() => expect(site.ran).toEqual(['slow started']), 30_000)

    // Beyond the skew of 30 seconds.
    site.advance(40)
    const next = callTool(undefined, { ...acmeOnly, id: 2 })
    const late = [...next.lines, ...session, ...as('ada', { exp: now + 2 })]
    expect(await site.send(late, next.parts)).toEqual(refusals.TOK)
    expect(await site.send(short, parts)).toEqual(refusals.TOK)
    expect(site.ran).toEqual(['slow started'])

    site.release()
    const [answer] = answersIn((await running).text)
    expect(JSON.parse(answer?.result?.content?.[0]?.text ?? '')).toEqual({
      subject: 'ada',
      below: 'ada',
      context: 'ada',
      expiresAt: now + 2,
    })
    const renewed = as('ada', { iat: now + 30, exp: now + 330 })
    await site.ask([...next.lines, ...session, ...renewed], next.parts)
    expect(site.ran).toEqual(['slow started', 'slow ada', 'acme_only ada'])
  })
})

describe.each(sites)('C13 $server on $framework', ({ compose, serve }) => {
  it('C13 hands a tool no token, neither with the identity nor with the AuthInfo', async () => {
    const site = await startMcpSite(compose, serve)
    const session = await openSession(site, ada)
    const { lines, parts } = callTool(undefined, acmeOnly)
    await site.ask([...lines, ...session, ...ada], parts)
    const [context] = site.contexts as readonly HandlerContext[]
    const authInfo = context?.authInfo ?? context?.http?.authInfo
    expect(identityOf(context)).toBe(context?.identity)
    expect(authInfo).toMatchObject({ token: '', extra: { sub: 'ada' } })
    const options = { depth: Number.POSITIVE_INFINITY, maxStringLength: null, showHidden: true }
    const shown = inspect([context?.identity, authInfo], options)
    for (const piece of ada[0]?.[1].slice('Bearer '.length).split('.') ?? ['']) {
      expect(shown).not.toContain(piece)
    }
  })
})

interface HandlerContext {
  readonly identity: Identity
  readonly authInfo?: unknown
  readonly http?: { readonly authInfo?: unknown }
}

/** The header of a session of this caller; none where the server has no sessions. */
async function openSession(site: McpSite, caller: Lines): Promise<Lines> {
  const { lines, parts } = initialize()
  const { status, headers } = await site.ask([...lines, ...caller], parts)
  expect(status).toBe(200)
  const id = headers.get('mcp-session-id')
  return id === null ? [] : [['mcp-session-id', id]]
}

function expectDenied({ text }: Asked): void {
  const answers = answersIn(text)
  expect(answers.length).toBeGreaterThan(0)
  for (const answer of answers) expect(denialIn(answer)).toBe('org_mismatch')
}

interface Stream {
  /** Where its messages go. */
  readonly target: string
  /** Waits until the stream brought this. */
  until(text: string): Promise<void>
}

async function openStream(site: McpSite, caller: Lines): Promise<Stream> {
  const controller = new AbortController()
  onTestFinished(() => controller.abort())
  const headers = Object.fromEntries([...caller, ['accept', 'text/event-stream']])
  const response = await fetch(site.url, { headers, signal: controller.signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let received = ''
  async function until(text: string): Promise<void> {
    while (!received.includes(text)) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.done) throw new Error('the stream ended')
      received += chunk.value
    }
  }
  await until('\n\n')
  return { target: /data: (\S+)/.exec(received)?.[1] ?? '', until }
}
