import { readFileSync } from 'node:fs'
import type { RequestHandler } from 'express'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import type { Deployment } from './deployment.ts'
import { accept, curl, fromCloudFormation, type Mode } from './first-call.ts'
import { type Bundles, buildFunctions } from './functions.ts'
import { CLIENT_ID, issuerOf, PEOPLE_POOL, WEB_CLIENT } from './names.ts'
import { runDeployment, type Stack } from './run-deployment.ts'

// Each line of a log that the page names, made to appear by the mistake that it names for it.

const page = readFileSync(
  new URL('../../../../docs/aws/troubleshooting.md', import.meta.url),
  'utf8',
)
const lines = [...page.matchAll(/^\| `(\{"type".*?\})`/gm)].map(([, line = '']) => line)

interface Mistake {
  readonly mode: Mode
  readonly deployment?: (right: Deployment) => Deployment
  /** In the server's code. */
  readonly code?: (right: string) => string
  readonly inFront?: RequestHandler
  readonly keysOutOfReach?: boolean
  /** What the user does instead of calling the gateway with their own token. */
  readonly call?: (stack: Stack) => Promise<unknown>
}

const callAsAda = async (stack: Stack): Promise<unknown> =>
  curl(stack, await stack.cognito.signIn('ada'))
const setting =
  (name: 'interceptor' | 'trigger', settings: Readonly<Record<string, string>>) =>
  (right: Deployment): Deployment => {
    const changed = right[name]
    if (changed === undefined) throw new Error(`no ${name}`)
    return {
      ...right,
      [name]: { ...changed, environment: { ...changed.environment, ...settings } },
    }
  }
const secret =
  (text: string | undefined) =>
  (right: Deployment): Deployment => ({
    ...right,
    secrets: new Map([...right.secrets.keys()].flatMap((name) => (text ? [[name, text]] : []))),
  })
const otherPool = { PEOPLE_USER_POOL_ID: 'eu-west-1_Other1234' }

const mistakes: Readonly<Record<string, Mistake>> = {
  headers_missing: {
    mode: 'header',
    deployment: (right) => ({
      ...right,
      gateway: {
        ...right.gateway,
        interceptors: right.gateway.interceptors.map((it) => ({
          ...it,
          InputConfiguration: { PassRequestHeaders: false },
        })),
      },
    }),
  },
  'stopped client': {
    mode: 'header',
    deployment: setting('interceptor', { PEOPLE_CLIENTS: 'other' }),
  },
  'stopped issuer_unknown': { mode: 'header', deployment: setting('interceptor', otherPool) },
  keys_unavailable: { mode: 'header', keysOutOfReach: true },
  target_unknown: { mode: 'header', deployment: setting('interceptor', { TARGET: 'other' }) },
  value_too_large: { mode: 'header', call: callWithGroups },
  token_refused: {
    mode: 'enriched',
    deployment: setting('trigger', { VOUCHING_CLIENTS: 'other' }),
  },
  'token_unavailable request_failed': { mode: 'enriched-header', deployment: secret(undefined) },
  'token_unavailable status_401': { mode: 'enriched-header', deployment: secret('another') },
  client_may_not_vouch: {
    mode: 'enriched',
    deployment: setting('trigger', { VOUCHING_CLIENTS: 'other' }),
  },
  'user_token_refused client': {
    mode: 'enriched',
    deployment: setting('trigger', { PEOPLE_CLIENTS: 'other' }),
  },
  'user_token_refused issuer_unknown': {
    mode: 'enriched',
    deployment: setting('trigger', otherPool),
  },
  no_credential: { mode: 'enriched', inFront: dropAuthorization },
  obo_missing: {
    mode: 'enriched',
    deployment: (right) => ({ ...right, pool: { ...right.pool, trigger: undefined } }),
  },
  issuer_unknown: {
    mode: 'header',
    call: async (stack) => curl(stack, await stack.cognito.signIn('ada'), { url: stack.serverUrl }),
  },
  client: { mode: 'header', code: (right) => right.replace(CLIENT_ID, 'other') },
  gateway_scope_missing: {
    mode: 'header',
    code: (right) => right.replace("scopes: ['mcp/invoke']", "scopes: ['mcp/admin']"),
  },
}

/** By words of a line: the longest that fit it. */
function mistakeFor(line: string): Mistake | undefined {
  const { type, reason, detail } = JSON.parse(line) as Record<string, string>
  const names = [`${reason} ${detail}`, `${type} ${reason}`, `${reason}`]
  return names.flatMap((name) => mistakes[name] ?? [])[0]
}

let bundles: Bundles
beforeAll(async () => {
  bundles = await buildFunctions()
})
afterAll(() => {
  bundles.close()
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})

// Good calls; and two clients of one gateway, which the tests of the source `enriched` have.
const notMistakes = ['"passed"', '"accepted"', '"person"', '"binding_client"']
const shown = lines.filter((line) => !notMistakes.some((it) => line.includes(it)))

it('knows a mistake for every line of the page', () => {
  expect(shown.filter((line) => mistakeFor(line) === undefined)).toEqual([])
  expect(shown.length).toBe(Object.keys(mistakes).length)
})

it.each(shown)(
  'logs %s',
  async (line) => {
    const mistake = mistakeFor(line) as Mistake
    const right = fromCloudFormation(mistake.mode)
    const stack = await runDeployment(
      mistake.deployment?.(right) ?? right,
      bundles,
      (app, handle) => {
        if (mistake.inFront) app.use(mistake.inFront)
        return accept(mistake.mode, app, handle, mistake.code)
      },
      (cognito) => {
        if (mistake.keysOutOfReach) cognito.cutKeys()
      },
    )
    onTestFinished(() => stack.close())
    await (mistake.call ?? callAsAda)(stack)
    // A refusal has further members, with the request's own id.
    const logged = stack.log.map((text) => JSON.parse(text) as unknown)
    expect(logged).toContainEqual(expect.objectContaining(JSON.parse(line) as object))
  },
  60_000,
)

/** A person of so many groups that their token does not fit into a header. */
async function callWithGroups(stack: Stack): Promise<unknown> {
  const groups = Array.from({ length: 300 }, (_, at) => `group-number-${at}`)
  const token = await stack.cognito.mint({
    iss: issuerOf(PEOPLE_POOL),
    sub: 'ada',
    username: 'ada',
    client_id: WEB_CLIENT,
    token_use: 'access',
    'cognito:groups': groups,
  })
  return curl(stack, token)
}

/** As a gateway that writes no `Authorization` for an interceptor. */
function dropAuthorization(...[req, , next]: Parameters<RequestHandler>): void {
  delete req.headers.authorization
  const at = req.rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization')
  if (at >= 0) req.rawHeaders.splice(at, 2)
  next()
}
