import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type AuditEvent,
  checkProof,
  fileSink,
  type LogHead,
  proveEvent,
  readLog,
  type StoredRecord,
  type Verdict,
  verifyLog,
} from '@onbehalf/audit'
import { Dice } from './dice.ts'
import { edits, type Files } from './edits.ts'

/** What became of the histories. */
export interface AttackResult {
  readonly verdicts: Readonly<Record<Verdict, number>>
  /** Histories that were called signed or intact though the server did not write them, and the like. */
  readonly wrong: readonly string[]
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const signer = {
  keyId: 'server',
  sign: (bytes: Uint8Array) => Promise.resolve(sign(null, bytes, privateKey)),
}
const publicKeys = [publicKey]

/** A log as a server left it, all states before that, and what was kept elsewhere. */
interface World {
  readonly folder: string
  readonly states: readonly Files[]
  /** Every line that the server ever wrote, with its chain. */
  readonly lines: ReadonlySet<string>
  /** The last head of each chain. */
  readonly heads: readonly LogHead[]
}

/** Attacks a log in as many ways, each one chosen by its number alone. */
export async function attackRun(count: number, from = 0): Promise<AttackResult> {
  const folder = mkdtempSync(join(tmpdir(), 'onbehalf-attack-'))
  const verdicts: Record<Verdict, number> = { broken: 0, unproven: 0, signed: 0, intact: 0 }
  const wrong: string[] = []
  try {
    const world = await makeWorld(folder)
    for (let seed = from; seed < from + count; seed++) {
      const { verdict, mistakes, story } = await attack(world, new Dice(seed))
      verdicts[verdict] += 1
      for (const mistake of mistakes) wrong.push(`history ${seed} (${story}): ${mistake}`)
    }
    return { verdicts, wrong }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function makeWorld(folder: string): Promise<World> {
  const directory = join(folder, 'genuine')
  const heads = new Map<string, LogHead>()
  const anchor = (head: LogHead): Promise<void> => Promise.resolve(void heads.set(head.chain, head))
  const options = { directory, signer, anchor, headEveryRecords: 4, maxSegmentBytes: 1_500 }
  const states: Files[] = []
  for (let run = 0; run < 4; run++) {
    const sinks = [1, 2].map(() => fileSink(options))
    for (let number = 0; number < 5; number++) {
      for (const sink of sinks) await sink.write(eventOf(number))
      states.push(withoutLocks(readFiles(directory)))
    }
    for (const sink of sinks) await sink.close()
    states.push(readFiles(directory))
  }
  const last = states.at(-1) ?? new Map<string, string>()
  return { folder, states, heads: [...heads.values()], lines: new Set(linesOf(last)) }
}

function eventOf(number: number): AuditEvent {
  return {
    id: randomUUID(),
    time: new Date(1_800_000_000_000 + number).toISOString(),
    type: 'refusal',
    method: 'tools/call',
    target: { kind: 'tool', name: `tool-${number}` },
    decision: { effect: 'deny' },
  }
}

/** One history: some edits, perhaps a restart of the server, and what verifying says then. */
async function attack(
  world: World,
  dice: Dice,
): Promise<{ verdict: Verdict; mistakes: readonly string[]; story: string }> {
  const directory = join(world.folder, 'attacked')
  const files = new Map(world.states.at(-1))
  const steps = Array.from({ length: 1 + dice.below(3) }, () => dice.pick(Object.keys(edits)))
  for (const step of steps)
    if (files.size > 0) edits[step]?.({ files, earlier: world.states, dice })
  writeFiles(directory, files)
  const isRestarted = dice.below(3) === 0
  const added = isRestarted ? await restart(directory) : undefined
  const { verdict } = await verifyLog(directory, { publicKeys })
  const anchored = await verifyLog(directory, { publicKeys, heads: world.heads })
  const found = linesOf(readFiles(directory))
  const isOwn = (line: string): boolean =>
    world.lines.has(line) || (added !== undefined && line.includes(added))
  const isGenuine = found.every(isOwn)
  const isWhole = [...world.lines].every((line) => found.includes(line))
  const mistakes = [
    ...(verdict === 'intact' ? ['intact without a head kept elsewhere'] : []),
    ...(verdict === 'signed' && !isGenuine ? ['signed, and not by the server'] : []),
    ...(isProven(anchored.verdict) && !(isGenuine && isWhole)
      ? [`${anchored.verdict} by heads`]
      : []),
    ...(await forgedProofs(directory, isOwn)),
  ]
  return { verdict, mistakes, story: [...steps, ...(isRestarted ? ['restart'] : [])].join(', ') }
}

function isProven(verdict: Verdict): boolean {
  return verdict === 'signed' || verdict === 'intact'
}

/** The server starts again, writes one event and stops. Returns the id of the event. */
async function restart(directory: string): Promise<string> {
  const event = eventOf(100)
  const sink = fileSink({ directory, signer })
  await sink.write(event)
  await sink.close()
  return event.id
}

/** Events that the server did not write, and for which it gave a proof. */
async function forgedProofs(
  directory: string,
  isOwn: (line: string) => boolean,
): Promise<readonly string[]> {
  const forged: StoredRecord[] = []
  for await (const record of readLog(directory)) {
    const { chain, file, line } = record
    const text = readFileSync(join(directory, file), 'latin1').split('\n')[line - 1] ?? ''
    if (!isOwn(`${chain} ${text}`) && forged.length < 3) forged.push(record)
  }
  const proven: string[] = []
  for (const { event } of forged) {
    const proof = await proveEvent(directory, event.id).catch(() => undefined)
    const shown = proof && checkProof(proof, publicKeys)
    if (shown?.target?.name.startsWith('evil') === true) proven.push('a proof of a forged event')
  }
  return proven
}

/** All lines of all segments, each behind the name of its chain. */
function linesOf(files: Files): string[] {
  return [...files].flatMap(([name, text]) =>
    /-\d{8}\.jsonl$/.test(name)
      ? text.split('\n').flatMap((line) => (line === '' ? [] : `${name.slice(0, 16)} ${line}`))
      : [],
  )
}

function withoutLocks(files: Files): Files {
  return new Map([...files].filter(([name]) => !name.includes('.lock.')))
}

function readFiles(directory: string): Files {
  const names = readdirSync(directory)
  return new Map(names.map((name) => [name, readFileSync(join(directory, name), 'latin1')]))
}

function writeFiles(directory: string, files: Files): void {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  for (const [name, text] of files) writeFileSync(join(directory, name), text, 'latin1')
}
