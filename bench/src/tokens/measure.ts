import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child, type Turn } from '../child.ts'
import { alternate, type Effort, type Measured } from '../turns.ts'
import { createFixture, type Signing } from './fixture.ts'
import { knownTokens, newTokens } from './subjects.ts'

/** Tokens of one algorithm, for the first time and again. */
export interface TokenFigures {
  readonly algorithm: Signing
  readonly tokenBytes: number
  readonly new: readonly Measured[]
  readonly known: readonly Measured[]
}

const script = new URL('./subject.ts', import.meta.url)
// Three times as many as the cache of a subject of new tokens holds.
const users = 3_000

/** From the headers of a request to what each verifier makes of them. */
export async function measureTokens(algorithm: Signing, effort: Effort): Promise<TokenFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'onbehalf-bench-'))
  try {
    const fixture = await createFixture(algorithm, users)
    const file = join(directory, 'fixture.json')
    writeFileSync(file, JSON.stringify(fixture))
    return {
      algorithm,
      tokenBytes: fixture.tokens[0]?.length ?? 0,
      new: await compare('new', Object.keys(newTokens), file, effort),
      known: await compare('known', Object.keys(knownTokens), file, effort),
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function compare(
  kind: 'new' | 'known',
  names: readonly string[],
  file: string,
  { processes, rounds, turn }: Effort,
): Promise<readonly Measured[]> {
  const children: Child[] = []
  const start = async (subject: string) => {
    const child = new Child(script, [kind, subject, file])
    children.push(child)
    await child.hear()
    await child.ask(turn)
    return { subject, run: () => child.ask<Turn>(turn) }
  }
  try {
    const runners: Awaited<ReturnType<typeof start>>[] = []
    for (let n = 0; n < processes; n++) for (const name of names) runners.push(await start(name))
    return await alternate(runners, rounds)
  } finally {
    for (const child of children) child.end()
  }
}
