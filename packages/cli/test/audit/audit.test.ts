import { generateKeyPairSync, sign } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuditTrail, fileSink } from '@onbehalf/audit'
import { createIdentity } from '@onbehalf/core'
import { run } from 'onbehalf'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const signer = {
  keyId: 'test',
  sign: (bytes: Uint8Array) => Promise.resolve(sign(null, bytes, privateKey)),
}

let scratch: string
let log: string
let keyFile: string

function person(subject: string, organization: string) {
  const acme = { id: organization, roles: [] }
  return createIdentity({
    kind: 'user',
    issuer: 'https://people.example.com',
    subject,
    organization: acme,
    organizations: [acme],
    scopes: [],
    roles: [],
    source: 'direct',
    expiresAt: 4_000_000_000,
    claims: {},
  })
}

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'onbehalf-cli-'))
  onTestFinished(() => rmSync(scratch, { recursive: true }))
  log = join(scratch, 'log')
  keyFile = join(scratch, 'key.pub')
  writeFileSync(keyFile, publicKey.export({ type: 'spki', format: 'pem' }))
  await record('ada', 'acme', 'list_invoices')
  await record('bob\u001b[2J\nforged', 'globex', 'close_books')
})

async function record(
  subject: string,
  organization: string,
  name: string,
  directory = log,
): Promise<void> {
  const sink = fileSink({ directory, signer })
  const trail = createAuditTrail({ sink, mode: 'strict', key: Buffer.alloc(32, 1) })
  const identity = person(subject, organization)
  const call = { identity, method: 'tools/call', target: { kind: 'tool', name } } as const
  const intent = await trail.intent(call)
  await intent.result({ outcome: 'ok' })
  await trail.refusal({ ...call, reason: 'role_missing' })
  await trail.close()
}

async function onbehalf(
  ...args: string[]
): Promise<{ code: number; out: string[]; err: string[] }> {
  const [out, err]: [string[], string[]] = [[], []]
  const { signal } = new AbortController()
  const code = await run(args, {
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    signal,
  })
  return { code, out, err }
}

function segment(): string {
  return join(log, readdirSync(log).find((name) => name.endsWith('-00000001.jsonl')) ?? '')
}

describe('onbehalf audit verify', () => {
  it('says that signed heads cover a log, and what they do not show', async () => {
    const { code, out } = await onbehalf('audit', 'verify', log, '--public-key', keyFile)
    expect(out.at(-1)).toBe(
      'signed: 6 records, signatures checked. Only a --head kept elsewhere shows that no newer ones are gone',
    )
    expect(code).toBe(0)
  })

  it('calls a log intact if heads that were kept elsewhere cover it', async () => {
    const heads = readdirSync(log).find((name) => name.endsWith('.heads.jsonl')) ?? ''
    const options = ['--public-key', keyFile, '--head', join(log, heads)]
    const { code, out } = await onbehalf('audit', 'verify', log, ...options)
    expect(out.at(-1)).toBe(
      'intact: 6 records, as many as heads kept elsewhere know, signatures checked',
    )
    expect(code).toBe(0)
  })

  it('ends with 3 for records that no signed head covers', async () => {
    const heads = readdirSync(log).find((name) => name.endsWith('.heads.jsonl')) ?? ''
    const [first] = readFileSync(join(log, heads), 'utf8').split('\n')
    writeFileSync(join(log, heads), `${first}\n`)
    const { code, out } = await onbehalf('audit', 'verify', log, '--public-key', keyFile)
    expect(out[1]).toMatch(/^ {2}unproven: record 1 at \S+:1: no head covers records 1 to 6$/)
    expect(out.at(-1)).toBe(
      'NOT PROVEN: 6 records hold together, and signed heads do not cover all of them',
    )
    expect(code).toBe(3)
  })

  it('ends with 3 without a public key, and where there is no log', async () => {
    const unchecked = await onbehalf('audit', 'verify', log)
    expect(unchecked.out.at(-1)).toBe(
      'NOT PROVEN: 6 records hold together, signatures not checked, name a --public-key',
    )
    expect(unchecked.code).toBe(3)
    const empty = await onbehalf('audit', 'verify', scratch, '--public-key', keyFile)
    expect(empty.out).toEqual(['NOT PROVEN: there is no log here'])
    expect(empty.code).toBe(3)
  })

  it('says the same as JSON, with the same exit codes', async () => {
    const { code, out } = await onbehalf('audit', 'verify', log, '--json')
    expect(JSON.parse(out.join(''))).toMatchObject({ verdict: 'unproven', records: 6 })
    expect(code).toBe(3)
  })

  it('names the first bad record and what happened to it', async () => {
    const lines = readFileSync(segment(), 'utf8').split('\n')
    writeFileSync(segment(), lines.toSpliced(2, 1).join('\n'))
    const { code, out } = await onbehalf('audit', 'verify', log)
    expect(out[1]).toMatch(/^ {2}missing: record 3 at [0-9a-f]{16}-00000001\.jsonl:3: /)
    expect(out.at(-1)).toMatch(/^NOT INTACT: 2 records/)
    expect(code).toBe(1)
  })

  it('finds by a head that was kept elsewhere that the log is an older copy', async () => {
    const old = readdirSync(log).map((name) => [name, readFileSync(join(log, name))] as const)
    await record('eve', 'acme', 'pay')
    const heads = readdirSync(log).find((name) => name.endsWith('.heads.jsonl')) ?? ''
    const headFile = join(scratch, 'head.json')
    writeFileSync(headFile, readFileSync(join(log, heads)))
    for (const [name, bytes] of old) writeFileSync(join(log, name), bytes)
    const before = await onbehalf('audit', 'verify', log, '--public-key', keyFile)
    expect(before.code).toBe(0)
    const { code, out } = await onbehalf('audit', 'verify', log, '--head', headFile)
    expect(out[1]).toMatch(/^ {2}replayed: record 7 /)
    expect(code).toBe(1)
  })

  it('does not fail for a line that a crash left unfinished', async () => {
    appendFileSync(segment(), '{"event":')
    const { code, out } = await onbehalf('audit', 'verify', log, '--public-key', keyFile)
    expect(out[1]).toMatch(/^ {2}torn:/)
    expect(code).toBe(0)
  })

  it('lists calls whose outcome is unknown', async () => {
    const sink = fileSink({ directory: log, signer })
    const trail = createAuditTrail({ sink, mode: 'strict', key: Buffer.alloc(32, 1) })
    const { id } = await trail.intent({ method: 'tools/call' })
    await trail.close()
    const { out } = await onbehalf('audit', 'verify', log)
    expect(out.join('\n')).toContain('calls with an intent and no result: 1')
    expect(out.join('\n')).toContain(`record 7, event ${id}`)
  })

  it.each([
    [['audit', 'verify']],
    [['audit', 'verify', '/no/such/directory']],
    [['audit', 'verify', '.', '--no-such-option']],
    [['audit', 'show', '.', '--decision', 'maybe']],
    [['audit', 'show', '.', '--since', 'yesterday-ish']],
    [['audit', 'burn']],
  ])('ends with 2 when it cannot be carried out: %j', async (args) => {
    const { code, err, out } = await onbehalf(...args)
    expect(code).toBe(2)
    expect(err.length).toBeGreaterThan(0)
    expect(out).toEqual([])
  })
})

describe('onbehalf audit show', () => {
  it.each([
    [[], 6],
    [['--user', 'ada'], 3],
    [['--organization', 'globex'], 3],
    [['--tool', 'close_books', '--decision', 'deny'], 1],
    [['--type', 'intent'], 2],
    [['--issuer', 'https://other.example.com'], 0],
    [['--since', '2000-01-01T00:00Z', '--until', '2000-01-02T00:00Z'], 0],
  ])('lets the filters %j through', async (filters, count) => {
    const { code, out } = await onbehalf('audit', 'show', log, ...filters)
    expect(out).toHaveLength(count)
    expect(code).toBe(0)
  })

  it('shows nothing that moves a cursor, in text and as JSON', async () => {
    for (const more of [[], ['--json']]) {
      const { out } = await onbehalf('audit', 'show', log, '--organization', 'globex', ...more)
      expect(out).toHaveLength(3)
      // oxlint-disable-next-line no-control-regex -- control characters must not be there
      for (const line of out) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
    }
  })
})

describe('onbehalf audit show, of a log that holds other lines', () => {
  const strange: readonly unknown[] = [
    null,
    5,
    'text',
    [],
    {},
    { event: null },
    { event: { type: 'intent' } },
    { event: { type: 'intent', time: '2020' }, hash: 'x', prev: 'y', seq: 2 },
    ...Object.entries({
      id: 5,
      time: 5,
      method: {},
      decision: null,
      principal: 'ada',
      organization: [],
      gateway: 7,
      target: { kind: 'tool', name: null },
      outcome: { toString: 1 },
      durationMs: { toString: 1 },
    }).map(([name, value]) => ({ name, value })),
  ]

  it('passes over what is not an event, and shows all that comes after', async () => {
    const lines = readFileSync(segment(), 'utf8').split('\n').slice(0, -1)
    const good = JSON.parse(lines[1] ?? '') as { event: object }
    const bad = strange.map((line) => {
      const { name, value } = (line ?? {}) as { name?: string; value?: unknown }
      const edited =
        name === undefined ? line : { ...good, event: { ...good.event, [name]: value } }
      return JSON.stringify(edited)
    })
    const added = ['', 'no JSON', '{"event":', ...bad]
    writeFileSync(segment(), [lines[0], ...added, ...lines.slice(1), ''].join('\n'))
    for (const more of [[], ['--json']]) {
      const { code, out } = await onbehalf('audit', 'show', log, ...more)
      expect(code).toBe(0)
      expect(out).toHaveLength(6)
    }
  })

  it.runIf(process.platform === 'linux')(
    'opens few files at a time, however many chains there are',
    { timeout: 60_000 },
    async () => {
      const many = join(scratch, 'many')
      mkdirSync(many)
      for (let number = 0; number < 300; number++) {
        const chain = number.toString(16).padStart(16, '0')
        copyFileSync(segment(), join(many, `${chain}-00000001.jsonl`))
      }
      const most = await mostOpenFiles(many, async () => {
        expect((await onbehalf('audit', 'show', many)).out).toHaveLength(1_800)
      })
      expect(most).toBeLessThan(5)
    },
  )
})

/** How many files below a directory this process had open at once. */
async function mostOpenFiles(directory: string, work: () => Promise<void>): Promise<number> {
  let most = 0
  const look = setInterval(() => {
    most = Math.max(most, openFilesIn(directory))
  }, 1)
  await work()
  clearInterval(look)
  return most
}

function openFilesIn(directory: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${directory}/`)
    } catch {
      // It was closed meanwhile.
      return false
    }
  }).length
}

describe('onbehalf audit follow', () => {
  it('prints events as they are written', async () => {
    const stop = new AbortController()
    const out: string[] = []
    const done = run(['audit', 'follow', log, '--user', 'eve'], {
      out: (line) => void out.push(line),
      err: () => undefined,
      signal: stop.signal,
    })
    await new Promise((resolve) => setTimeout(resolve, 700))
    await record('eve', 'acme', 'pay')
    await record('ada', 'acme', 'pay')
    while (out.length < 3) await new Promise((resolve) => setTimeout(resolve, 50))
    stop.abort()
    expect(await done).toBe(0)
    expect(out).toHaveLength(3)
    expect(out.every((line) => line.includes('eve'))).toBe(true)
  })
})

describe('onbehalf audit prove', () => {
  it('makes a proof that holds without the log, and not for another event', async () => {
    const shown = await onbehalf('audit', 'show', log, '--json', '--user', 'ada')
    const { event } = JSON.parse(shown.out[0] ?? '') as { event: { id: string } }
    const { code, out } = await onbehalf('audit', 'prove', log, event.id)
    expect(code).toBe(0)
    rmSync(log, { recursive: true })
    const proofFile = join(scratch, 'proof.json')
    const check = ['audit', 'prove', '--check', proofFile, '--public-key', keyFile]
    writeFileSync(proofFile, out[0] ?? '')
    const good = await onbehalf(...check)
    expect(good.code).toBe(0)
    expect(JSON.parse(good.out[0] ?? '')).toEqual(event)
    writeFileSync(proofFile, (out[0] ?? '').replace('list_invoices', 'list_invoicez'))
    expect((await onbehalf(...check)).code).toBe(1)
  })

  it.each<[string, string]>([
    ['is not JSON', '{"x":\u001b]0;title\u0007\u001b[2Jhello'],
    ['is not JSON, on several lines', 'a\nb\u009b2Jc'],
    ['is JSON and no proof', '{"record":"\u001b[2J","path":[],"head":null}'],
    ['is null', 'null'],
    ['is a number', '5'],
    ['is empty', ''],
  ])('holds for nothing that %s, and shows nothing that moves a cursor', async (_, text) => {
    const proofFile = join(scratch, 'proof.json')
    writeFileSync(proofFile, text)
    const check = ['--check', proofFile, '--public-key', keyFile]
    const { code, err, out } = await onbehalf('audit', 'prove', ...check)
    expect([1, 2]).toContain(code)
    expect(out).toEqual([])
    // oxlint-disable-next-line no-control-regex -- control characters must not be there
    for (const line of err) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })

  it('makes none for an event that is not there', async () => {
    const { code, err } = await onbehalf('audit', 'prove', log, 'no-such-event')
    expect(code).toBe(2)
    expect(err).toContain('onbehalf: the log has no such event')
  })
})

describe('onbehalf audit, of a directory for each process', () => {
  let second: string

  beforeEach(async () => {
    second = join(scratch, 'second')
    await record('cleo', 'acme', 'list_invoices', second)
    await record('dan', 'acme', 'list_invoices')
  })

  it('shows what all of them wrote, by time', async () => {
    const { code, out } = await onbehalf('audit', 'show', second, log, '--type', 'intent', '--json')
    const events = out.map((line) => JSON.parse(line).event)
    expect(events.map(({ principal }) => principal.subject.slice(0, 4))).toEqual([
      'ada',
      'bob\u001b',
      'cleo',
      'dan',
    ])
    expect(code).toBe(0)
  })

  it('gives one verdict on all of them', async () => {
    const { code, out } = await onbehalf('audit', 'verify', log, second, '--public-key', keyFile)
    expect(out.at(-1)).toMatch(/^signed: 12 records, signatures checked/)
    expect(code).toBe(0)
  })

  it('names the directory of a record that is gone', async () => {
    const file = segment()
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, lines.toSpliced(1, 1).join('\n'))
    const { code, out } = await onbehalf('audit', 'verify', second, log, '--public-key', keyFile)
    expect(out.join('\n')).toContain(`  missing: record 2 at ${file}:2: record 2 is not there`)
    expect(code).toBe(1)
  })

  it('misses a whole chain of which a head was kept elsewhere', async () => {
    const heads = join(scratch, 'kept.jsonl')
    const file = readdirSync(second).find((name) => name.endsWith('.heads.jsonl')) ?? ''
    copyFileSync(join(second, file), heads)
    rmSync(second, { recursive: true })
    mkdirSync(second)
    const { code, out } = await onbehalf('audit', 'verify', log, second, '--head', heads)
    expect(out.at(-1)).toMatch(/^NOT INTACT: 9 records/)
    expect(code).toBe(1)
  })

  it('does not choose between two copies of a chain', async () => {
    const { code, err } = await onbehalf('audit', 'verify', log, log, '--public-key', keyFile)
    expect(err.join('\n')).toMatch(/^onbehalf: chain [0-9a-f]{16} is in two of the directories$/)
    expect(code).toBe(2)
  })
})
