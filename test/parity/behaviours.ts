import { setTimeout as delay } from 'node:timers/promises'
import type { Inside } from './kitchen.ts'
import type { Line, Params, Seen } from './lines.ts'
import type { Way } from './ways.ts'

/** What a client does with a server, and what it sees: equal with and without a guard. */
export interface Behaviour {
  readonly does: string
  readonly server?: 'kitchen' | 'low'
  /** Capabilities of the client. */
  readonly capabilities?: object
  /** Absent: everywhere. */
  readonly where?: (way: Way) => boolean
  readonly run: (line: Line, inside: Inside) => Promise<unknown>
}

const all = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } }

export function helloParams(capabilities: object = all): Params {
  const clientInfo = { name: 'raw', version: '1' }
  return { protocolVersion: '2025-11-25', capabilities, clientInfo }
}

const call = (line: Line, name: string, args: object = {}, more: Params = {}): Promise<Seen> =>
  line.ask('tools/call', { name, arguments: args, ...more })

type Step = readonly [method: string, params?: Params]

/** Behaviours that are a few requests, one after another. */
function asks(does: string, steps: readonly Step[], more: Partial<Behaviour> = {}): Behaviour {
  const run = async (line: Line): Promise<unknown> => {
    const seen: Seen[] = []
    for (const [method, params] of steps) seen.push(await line.ask(method, params))
    return seen
  }
  return { does, run, ...more }
}

const tool = (name: string, args: unknown = {}, more: Params = {}): Step => [
  'tools/call',
  { name, arguments: args, ...more },
]
const completion = (ref: object, name: string, value: string): Step => [
  'completion/complete',
  { ref, argument: { name, value } },
]
const order = { type: 'ref/prompt', name: 'order' }
const dishes = { type: 'ref/resource', uri: 'dish://{name}' }
const progress = { _meta: { progressToken: 'p1' } }

const legacy = ({ isModern }: Way): boolean => isModern !== true
const modern = ({ isModern }: Way): boolean => isModern === true
const lasts = ({ lasts: it, isModern }: Way): boolean => it === true && isModern !== true
const asking = ({ asks: it }: Way): boolean => it === true
const onV1 = ({ generation }: Way): boolean => generation === 'v1'

const requests: readonly Behaviour[] = [
  asks('pings', [['ping'], ['ping', {}]]),
  asks('shakes hands again', [['initialize', helloParams()]], { where: legacy }),
  asks('shakes hands in an unknown revision', [
    ['initialize', { ...helloParams(), protocolVersion: '1999-01-01' }],
  ]),
  asks('shakes hands malformed', [['initialize', { protocolVersion: 7 }]]),
  asks('discovers', [['server/discover']]),
  asks('lists tools', [['tools/list'], ['tools/list', {}], ['tools/list', { cursor: 'none' }]]),
  asks('lists resources and templates', [['resources/list'], ['resources/templates/list']]),
  asks('lists prompts', [['prompts/list']]),
  asks('lists with a malformed cursor', [['tools/list', { cursor: 7 }]]),
  asks('calls a tool with arguments and defaults', [
    tool('echo', { text: 'hi' }),
    tool('echo', { text: 'hi', times: 2 }),
    tool('echo', { text: 'hi', unknown: true }),
  ]),
  asks('calls a tool with wrong arguments', [
    tool('echo', {}),
    tool('echo', { text: 7 }),
    tool('echo', { text: 'x'.repeat(30) }),
    tool('echo', [1]),
    ['tools/call', { name: 'echo' }],
    ['tools/call', { name: 'grow' }],
  ]),
  asks('calls what is no tool', [
    tool('nothing'),
    tool(''),
    tool('__proto__'),
    tool('constructor'),
    ['tools/call', {}],
    ['tools/call', { name: 7 }],
    ['tools/call'],
  ]),
  asks('gets results of every shape', [
    tool('structured'),
    tool('pictured'),
    tool('unwell'),
    tool('failing'),
  ]),
  asks('gets results that break their schema', [tool('misshapen'), tool('shapeless')]),
  asks('receives progress', [tool('progressing', {}, progress)]),
  asks('does not ask for progress', [tool('progressing')]),
  asks('hears what a tool logs', [tool('chatty')]),
  asks('sets a level', [['logging/setLevel', { level: 'error' }], tool('chatty')]),
  asks('sets a level that is none', [['logging/setLevel', { level: 'loud' }]]),
  asks('reads resources', [
    ['resources/read', { uri: 'menu://today' }],
    ['resources/read', { uri: 'photo://soup' }],
    ['resources/read', { uri: 'dish://soup' }],
    ['resources/read', { uri: 'dish://a%20b' }],
  ]),
  asks('reads what is no resource', [
    ['resources/read', { uri: 'menu://tomorrow' }],
    ['resources/read', { uri: 'not a uri' }],
    ['resources/read', { uri: '' }],
    ['resources/read', {}],
    ['resources/read', { uri: 'broken://plate' }],
  ]),
  asks('subscribes', [
    ['resources/subscribe', { uri: 'menu://today' }],
    ['resources/unsubscribe', { uri: 'menu://today' }],
    ['resources/subscribe', {}],
  ]),
  asks('gets prompts', [
    ['prompts/get', { name: 'order', arguments: { cook: 'anna' } }],
    ['prompts/get', { name: 'greet' }],
    ['prompts/get', { name: 'order' }],
    ['prompts/get', { name: 'order', arguments: { cook: 7 } }],
    ['prompts/get', { name: 'none' }],
    ['prompts/get', {}],
  ]),
  asks('completes', [
    completion(order, 'cook', 'an'),
    completion(order, 'cook', ''),
    completion(order, 'none', 'a'),
    completion({ type: 'ref/prompt', name: 'none' }, 'cook', 'a'),
    completion(dishes, 'name', 'sa'),
    completion(dishes, 'none', 'sa'),
    completion({ type: 'ref/resource', uri: 'none://{x}' }, 'x', ''),
    completion({ type: 'ref/resource', uri: 'menu://today' }, 'x', ''),
    ['completion/complete', { ref: order }],
  ]),
  asks('asks for unknown methods', [['made/up'], ['tools/none'], ['tasks/list'], ['tasks/none']]),
  asks('asks for methods of a client', [['sampling/createMessage'], ['roots/list']]),
  {
    does: 'uses ids of both types, and the empty one',
    run: async (line) => [
      await line.ask('ping', undefined, 'text'),
      await line.ask('ping', undefined, ''),
      await line.ask('ping', undefined, 0),
      await line.ask('ping', undefined, -5),
    ],
  },
  {
    does: 'asks in parallel',
    run: async (line) => {
      const texts = Array.from({ length: 12 }, (_, index) => `t${index}`)
      const seen = await Promise.all(texts.map((text) => call(line, 'echo', { text })))
      return seen.map(({ status, messages }, index) => {
        const answers = messages.filter(({ result }) =>
          JSON.stringify(result ?? '').includes(`t${index} `),
        )
        return [status, answers.map(({ result, error }) => result ?? error)]
      })
    },
  },
]

const lowLevel: readonly Behaviour[] = [
  asks('reads pages of a list', [
    ['tools/list'],
    ['tools/list', { cursor: 'second' }],
    ['tools/list', { cursor: 'third' }],
    ['tools/list', { cursor: 'beyond' }],
  ]),
  asks('calls what a low-level server serves', [tool('a'), tool('z'), tool('c')]),
  asks('asks for methods of its own', [
    ['com.example/sum', { of: [1, 2, 3] }],
    ['com.example/sum', { of: 'x' }],
    ['com.example/coded', {}],
    ['com.example/none', {}],
  ]),
  asks('asks a low-level server for what it does not serve', [
    ['resources/list'],
    ['prompts/get', { name: 'x' }],
    ['logging/setLevel', { level: 'info' }],
  ]),
  {
    does: 'notifies a handler of its own',
    where: lasts,
    run: async (line, inside) => {
      const seen = [
        await line.tell('com.example/bell', { rings: 2 }),
        await line.tell('com.example/none', {}),
        await line.ask('ping'),
      ]
      // A guard may take time, and nobody waits for a notification.
      while (!inside.some((it) => it.startsWith('bell'))) await delay(1)
      return seen
    },
  },
]
const low = lowLevel.map((behaviour) => ({ ...behaviour, server: 'low' as const }))

const asked = { role: 'assistant', content: { type: 'text', text: 'a pinch' }, model: 'm' }
const answers = {
  'sampling/createMessage': asked,
  'elicitation/create': { action: 'accept', content: { amount: 3 } },
  'roots/list': { roots: [{ uri: 'file:///kitchen' }] },
}

function answering(given: object, names: readonly string[]): (line: Line) => Promise<unknown> {
  return async (line) => {
    Object.assign(line.answers, given)
    const seen: Seen[] = []
    for (const name of names) seen.push(await call(line, name))
    return seen
  }
}

const questions: readonly Behaviour[] = [
  {
    does: 'answers questions of a tool',
    where: asking,
    run: answering(answers, ['sampling', 'eliciting', 'rooting', 'asking_twice']),
  },
  {
    does: 'declines and cancels',
    where: asking,
    run: async (line) => {
      const seen: Seen[] = []
      for (const action of ['decline', 'cancel']) {
        line.answers['elicitation/create'] = { action }
        seen.push(await call(line, 'eliciting'))
      }
      return seen
    },
  },
  {
    does: 'answers questions with errors and nonsense',
    where: asking,
    run: async (line) => {
      const errors = await answering({}, ['sampling', 'eliciting'])(line)
      const nonsense = { 'sampling/createMessage': {}, 'elicitation/create': { action: 'maybe' } }
      return [errors, await answering(nonsense, ['sampling', 'eliciting'])(line)]
    },
  },
  {
    does: 'cannot be asked',
    where: asking,
    capabilities: {},
    run: answering(answers, ['sampling', 'eliciting', 'rooting']),
  },
  {
    does: 'answers questions that nobody asked',
    where: lasts,
    run: async (line) => [
      await line.send({ jsonrpc: '2.0', id: 'nobody', result: {} }),
      await line.send({ jsonrpc: '2.0', id: 999, error: { code: 1, message: 'no' } }),
      await line.ask('ping'),
    ],
  },
  asks('is asked by an answer', [tool('inquiring')], {
    where: modern,
    capabilities: { elicitation: { form: {} } },
  }),
  asks(
    'answers in the next request',
    [
      tool(
        'inquiring',
        {},
        {
          inputResponses: { amount: { action: 'accept', content: { amount: 3 } } },
          requestState: 'round one',
        },
      ),
      tool('inquiring', {}, { inputResponses: {}, requestState: 'forged' }),
      tool('inquiring', {}, { inputResponses: 7 }),
    ],
    { where: modern, capabilities: { elicitation: { form: {} } } },
  ),
  asks('is asked by an answer that it cannot answer', [tool('inquiring')], {
    where: modern,
    capabilities: {},
  }),
]

export const common: readonly Behaviour[] = [...requests, ...low, ...questions]
export { call, lasts, modern, onV1 }
