export type Status = 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'

/** One finding of the suite, with everything that it kept of requests and answers. */
export interface Check {
  readonly id: string
  readonly status: Status
  readonly errorMessage?: string
  readonly details?: unknown
}

/** The checks of each scenario, in the order in which they were made. */
export type Findings = Readonly<Record<string, readonly Check[]>>

/** Members that no two runs have alike, whatever stands in front of the server. */
const ownToEachRun: ReadonlySet<string> = new Set([
  'timestamp',
  'date',
  'sessionId',
  'sessionIdSent',
  'mcp-session-id',
  'requestState',
  'subscriptionId',
  'io.modelcontextprotocol/subscriptionId',
])

/** A check as the suite wrote it, without what is different in each run. */
export function readCheck(written: object, url: URL): Check {
  const text = JSON.stringify(written, (key, value: unknown) => {
    if (ownToEachRun.has(key)) return typeof value
    return isStreamEvent(value) ? { ...value, id: typeof value.id } : value
  })
  return JSON.parse(text.replaceAll(url.host, 'localhost')) as Check
}

// Streams that are open at once number their events in the order in which they happen to come.
function isStreamEvent(value: unknown): value is { readonly id: unknown } {
  const isObject = typeof value === 'object' && value !== null
  return isObject && ['id', 'event', 'data'].every((member) => member in value)
}
