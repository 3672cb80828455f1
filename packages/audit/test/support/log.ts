import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type FileSinkOptions,
  fileSink,
  readLog,
  type Signer,
  type StoredRecord,
} from '@onbehalf/audit'
import { onTestFinished } from 'vitest'
import { eventOf } from './events.ts'

/** A directory that is gone when the test is over. */
export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'onbehalf-audit-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A signer with a new key, and the key to check it by. */
export function newSigner(): Signer & { readonly publicKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    keyId: 'test',
    publicKey,
    sign: (bytes) => Promise.resolve(sign(null, bytes, privateKey)),
  }
}

/** Writes a log of so many events, and closes it. */
export async function writeLog(
  directory: string,
  count: number,
  options: Partial<FileSinkOptions> = {},
): Promise<void> {
  const sink = fileSink({ directory, signer: null, ...options })
  await Promise.all(Array.from({ length: count }, (_, number) => sink.write(eventOf(number))))
  await sink.close()
}

/** Names of the segments of a directory that holds one chain. */
export function segments(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /-\d{8}\.jsonl$/.test(name))
    .toSorted()
}

/** All lines of all segments, without their newlines. */
export function linesOf(directory: string): string[] {
  return segments(directory).flatMap((name) =>
    readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1),
  )
}

/** All records of a directory. */
export async function recordsOf(directory: string): Promise<StoredRecord[]> {
  const records: StoredRecord[] = []
  for await (const record of readLog(directory)) records.push(record)
  return records
}
