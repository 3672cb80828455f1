import { denialKey } from '@onbehalf/mcp'
import { type Column, columns, type Row, rows, type Verdict } from './rows.ts'
import type { Got, Way } from './ways.ts'

/** What one cell gave. */
export interface Cell {
  readonly row: Row
  readonly column: Column
  readonly verdict: Verdict
}

/** Runs every request of the matrix as every caller. */
export async function runWay(way: Way): Promise<readonly Cell[]> {
  const cells: Cell[] = []
  for (const column of columns) {
    const line = await way.connect(column)
    for (const row of rows)
      cells.push({ row, column, verdict: verdictOf(row, await line.ask(row)) })
    await line.close()
  }
  return cells
}

function verdictOf({ method }: Row, { status, result, error }: Got): Verdict {
  if (status === 403) return 'scope_missing'
  const meta = result?.['_meta'] as Record<string, { reason: Verdict }> | undefined
  const data = error?.data as { reason?: Verdict } | undefined
  const reason = meta?.[denialKey]?.reason ?? data?.reason
  if (reason !== undefined) return reason
  if (!method.endsWith('/list') || method === 'tasks/list') return 'passes'
  const [listed] = Object.values(result ?? {}).filter((value) => Array.isArray(value))
  return (listed ?? []).length > 0 ? 'shows' : 'hides'
}
