import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AuditEvent, readLog, verifyLog } from '@onbehalf/audit'
import { fileSinkOn } from '../../packages/audit/src/file/file-sink.ts'
import { type DiskWork, FaultyDisk } from '../../packages/audit/test/support/faulty-disk.ts'
import { Dice } from '../audit-attack/dice.ts'

/** What servers left behind whose disk and signer came and went. */
export interface FaultResult {
  readonly acknowledged: number
  readonly refused: number
  /** Acknowledged events that are not in the log. */
  readonly lost: number
  /** Refused events that a signed head covers all the same. */
  readonly signedThoughRefused: number
  /** Nothing contradicts the log. */
  readonly isWhole: boolean
}

const works: readonly DiskWork[] = ['open', 'list', 'write', 'sync', 'cut']
const { privateKey, publicKey } = generateKeyPairSync('ed25519')

/** Some lives of a server on one directory: each ends by a crash or is closed. */
export async function faultRun(seed: number): Promise<FaultResult> {
  const dice = new Dice(seed)
  const directory = mkdtempSync(join(tmpdir(), 'onbehalf-faults-'))
  const acknowledged = new Set<string>()
  const refused = new Set<string>()
  try {
    for (let life = 0; life < 4; life++) await live(directory, dice, { acknowledged, refused })
    return await inspect(directory, acknowledged, refused)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function live(
  directory: string,
  dice: Dice,
  { acknowledged, refused }: { acknowledged: Set<string>; refused: Set<string> },
): Promise<void> {
  const disk = new FaultyDisk()
  let isSignerAway = false
  const signer = {
    keyId: 'server',
    sign: (bytes: Uint8Array): Promise<Uint8Array> =>
      isSignerAway
        ? Promise.reject(new Error('the signer is away'))
        : Promise.resolve(sign(null, bytes, privateKey)),
  }
  const options = { directory, signer, maxSegmentBytes: 600, headEveryRecords: 3 }
  const sink = fileSinkOn(options, disk.openFile)
  for (let turn = 0; turn < 12; turn++) {
    disk.failing.clear()
    if (dice.below(3) === 0)
      for (const work of works) if (dice.below(2) === 0) disk.failing.add(work)
    isSignerAway = dice.below(3) === 0
    const events = Array.from({ length: 1 + dice.below(3) }, eventOf)
    const writes = events.map(({ id }, at) =>
      sink.write(events[at] as AuditEvent).then(
        () => void acknowledged.add(id),
        () => void refused.add(id),
      ),
    )
    await Promise.all(writes)
  }
  disk.failing.clear()
  // A process that crashes writes nothing any more.
  if (dice.below(2) === 0) for (const work of works) disk.failing.add(work)
  await sink.close()
}

function eventOf(): AuditEvent {
  return {
    id: randomUUID(),
    time: new Date().toISOString(),
    type: 'refusal',
    method: 'tools/call',
    decision: { effect: 'deny' },
  }
}

async function inspect(
  directory: string,
  acknowledged: ReadonlySet<string>,
  refused: ReadonlySet<string>,
): Promise<FaultResult> {
  const { verdict, chains } = await verifyLog(directory, { publicKeys: [publicKey] })
  const covered = new Map(chains.map((report) => [report.chain, report.covered]))
  const found = new Set<string>()
  let signedThoughRefused = 0
  for await (const { chain, seq, event } of readLog(directory)) {
    found.add(event.id)
    if (refused.has(event.id) && seq <= (covered.get(chain) ?? 0)) signedThoughRefused += 1
  }
  return {
    acknowledged: acknowledged.size,
    refused: refused.size,
    lost: [...acknowledged].filter((id) => !found.has(id)).length,
    signedThoughRefused,
    isWhole: verdict !== 'broken',
  }
}
