import type { LogReport, VerifyLogOptions } from '@onbehalf/audit'
import { type LogSource, scanTexts, verifySource } from '@onbehalf/audit/internal'
import type { Pool, PoolClient } from 'pg'
import { inTransaction } from './in-transaction.ts'

/**
 * Reads the whole log and says, for each chain, what the first bad record is and what happened to
 * it. It is the verifier of `verifyLog`: what that calls a line of a file is a row here, counted in
 * the order of `seq`.
 *
 * Reads page by page, in one snapshot; the log may be written meanwhile. The role of the pool has to
 * be a member of `onbehalf_auditor`, or own the tables: nobody else sees all rows.
 *
 * It does not prove that events are true: a writer that was taken over can record what it likes.
 *
 * @throws DatabaseError of `pg`, for example when the role may not read heads
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { verifyPostgresLog } from '@onbehalf/postgres'
 * import { Pool } from 'pg'
 *
 * const pool = new Pool({ connectionString: process.env.AUDITOR_URL })
 * const report = await verifyPostgresLog(pool, {
 *   publicKeys: [await readFile('./audit-key.pem.pub', 'utf8')],
 * })
 * console.log(report.ok, report.records)
 * await pool.end()
 * ```
 */
export function verifyPostgresLog(pool: Pool, options: VerifyLogOptions = {}): Promise<LogReport> {
  return inTransaction(pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY', (client) =>
    verifySource(tableSource(client), options),
  )
}

const events = 'onbehalf.events'
const heads = 'onbehalf.heads'

function tableSource(client: PoolClient): LogSource {
  return {
    chains: async () => {
      const { rows } = await client.query<{ chain: string }>(
        `SELECT chain FROM ${events} UNION SELECT chain FROM ${heads}`,
      )
      return rows.map(({ chain }) => chain)
    },
    heads: (chain) => Promise.resolve({ file: heads, lines: headLines(client, chain) }),
    scan: (chain, visit) => scanTexts(events, readTexts(client, recordPages, chain), visit),
  }
}

async function* headLines(
  client: PoolClient,
  chain: string,
): AsyncGenerator<{ text: string; line: number }, void, undefined> {
  let line = 0
  for await (const text of readTexts(client, headPages, chain)) yield { text, line: ++line }
}

// Rows a page: a record with its values may have a hundred kilobytes.
const pageRows = 500
const recordPages = pagesOf(events, 'seq', 'record')
const headPages = pagesOf(heads, 'place', 'head')

function pagesOf(table: string, place: string, text: string): string {
  return `SELECT ${place} AS place, ${text} AS text FROM ${table}
    WHERE chain = $1 AND ($2::bigint IS NULL OR ${place} > $2)
    ORDER BY ${place} LIMIT ${pageRows}`
}

async function* readTexts(
  client: PoolClient,
  pages: string,
  chain: string,
): AsyncGenerator<string, void, undefined> {
  let last: string | null = null
  for (;;) {
    const page: { rows: { place: string; text: string }[] } = await client.query(pages, [
      chain,
      last,
    ])
    yield* page.rows.map(({ text }) => text)
    if (page.rows.length < pageRows) return
    last = page.rows.at(-1)?.place ?? null
  }
}
