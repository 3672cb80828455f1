import { styleText as applyStyle } from 'node:util'
import type { Row } from './call.ts'
import { type Way, ways } from './world.ts'

const titles: Record<Way, string> = {
  exchange: "exchange: the gateway swaps the user's token for one for this server (RFC 8693)",
  passthrough: "passthrough: the user's token is for this server and arrives unchanged",
  forwarded: "forwarded: the user's token in x-user-token, the gateway's in Authorization",
  'forwarded-v1': 'forwarded-v1: the same on version 1 of the MCP SDK, with sessions',
  downstream: "downstream: the server calls an API as the user, whose rows are the organization's",
  enriched: "enriched: the gateway's token carries the user in onBehalfOf",
}

/** Colours are for people who look at a terminal. */
const styleText: typeof applyStyle = (format, text) =>
  process.stdout.isTTY ? applyStyle(format, text) : text

/** Prints the rows, way by way. */
export function printTable(rows: readonly Row[]): void {
  const width = (cells: readonly string[]): number => Math.max(...cells.map((cell) => cell.length))
  const callers = width(rows.map(({ call }) => call.caller))
  const calls = width(rows.map(({ call }) => call.what))
  const verdicts = width(rows.map(({ verdict }) => verdict))
  for (const way of ways) {
    const own = rows.filter(({ call }) => call.way === way)
    console.log(`\n${styleText('bold', titles[way])}`)
    for (const { call, verdict, reached, asExpected } of own) {
      const mark = asExpected ? ' ' : '!'
      const cells = [call.caller.padEnd(callers), call.what.padEnd(calls)]
      const shown = styleText(colorOf(verdict, asExpected), verdict.padEnd(verdicts))
      console.log(`${mark} ${cells.join('  ')}  ${shown}  ${styleText('dim', reached)}`)
      if (!asExpected) console.log(`    expected ${call.expected}`)
    }
  }
}

function colorOf(verdict: string, asExpected: boolean): 'green' | 'yellow' | 'red' {
  if (!asExpected) return 'red'
  return isAllowed(verdict) ? 'green' : 'yellow'
}

/** Whether a verdict let the call through. */
function isAllowed(verdict: string): boolean {
  return verdict.startsWith('allowed')
}

/** The line that sums up. */
export function summarize(rows: readonly Row[]): string {
  const allowed = rows.filter(({ verdict }) => isAllowed(verdict)).length
  const unexpected = rows.filter(({ asExpected }) => !asExpected).length
  const refused = rows.length - allowed
  return `demo: ${rows.length} calls, ${allowed} allowed, ${refused} refused, ${unexpected} unexpected`
}
