/** What becomes of a request: why it was refused, or what its caller sees. */
export type Verdict =
  | 'identity_missing'
  | 'user_required'
  | 'org_mismatch'
  | 'scope_missing'
  | 'passes'
  | 'shows'
  | 'hides'

/** The callers, from the least to the most welcome. */
export const columns = ['nobody', 'service', 'wrong org', 'missing scope', 'right org'] as const
export type Column = (typeof columns)[number]

/** One request. */
export interface Row {
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>>
  /** What tells this request from another of the same method. */
  readonly about?: string
  /** The verdict in each column. */
  readonly expected: Readonly<Record<Column, Verdict>>
}

const open = verdicts('passes', 'passes', 'passes', 'passes', 'passes')
const list = verdicts('hides', 'hides', 'hides', 'shows', 'shows')
const guarded = verdicts(
  'identity_missing',
  'user_required',
  'org_mismatch',
  'scope_missing',
  'passes',
)
const identified = verdicts('identity_missing', 'passes', 'passes', 'passes', 'passes')

const note = 'note://today'
const plan = 'file:///plan'
const initialize = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'matrix', version: '1' },
}
const argument = { name: 'topic', value: '' }
const prompt = { ref: { type: 'ref/prompt', name: 'ask' }, argument }
const template = {
  ref: { type: 'ref/resource', uri: 'file:///{name}' },
  argument: { name: 'name', value: '' },
}

/** Every method of the protocol that a client may send, and one that is none. */
export const rows: readonly Row[] = [
  { method: 'initialize', params: initialize, expected: open },
  { method: 'server/discover', expected: open },
  { method: 'ping', expected: open },
  { method: 'tools/list', expected: list },
  { method: 'tools/call', params: { name: 'pay', arguments: {} }, expected: guarded },
  {
    method: 'tools/call',
    about: 'malformed arguments',
    params: { name: 'pay', arguments: { amount: {} } },
    expected: guarded,
  },
  { method: 'resources/list', expected: list },
  { method: 'resources/templates/list', expected: list },
  { method: 'resources/read', params: { uri: note }, expected: guarded },
  { method: 'resources/read', about: 'by a template', params: { uri: plan }, expected: guarded },
  { method: 'resources/subscribe', params: { uri: note }, expected: guarded },
  { method: 'resources/unsubscribe', params: { uri: note }, expected: guarded },
  { method: 'prompts/list', expected: list },
  { method: 'prompts/get', params: { name: 'ask', arguments: { topic: 'a' } }, expected: guarded },
  { method: 'completion/complete', about: 'of a prompt', params: prompt, expected: guarded },
  { method: 'completion/complete', about: 'of a template', params: template, expected: guarded },
  {
    method: 'subscriptions/listen',
    params: { notifications: { resourceSubscriptions: [note] } },
    expected: guarded,
  },
  { method: 'logging/setLevel', params: { level: 'info' }, expected: identified },
  { method: 'tasks/get', params: { taskId: 'unknown' }, expected: identified },
  { method: 'tasks/result', params: { taskId: 'unknown' }, expected: identified },
  { method: 'tasks/cancel', params: { taskId: 'unknown' }, expected: identified },
  { method: 'tasks/update', params: { taskId: 'unknown' }, expected: identified },
  { method: 'tasks/list', expected: identified },
  { method: 'com.example/guarded', expected: guarded },
  { method: 'com.example/unknown', expected: identified },
]

function verdicts(...each: [Verdict, Verdict, Verdict, Verdict, Verdict]): Row['expected'] {
  return Object.fromEntries(
    columns.map((column, index) => [column, each[index]]),
  ) as Row['expected']
}
