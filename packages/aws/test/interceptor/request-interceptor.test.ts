import { inspect } from 'node:util'
import {
  clientMetadata,
  forwardInboundToken,
  headers,
  type InterceptorAnswer,
  type InterceptorEvent,
  type InterceptorEventReport,
  type LambdaContext,
  type RequestInterceptorOptions,
  requestInterceptor,
  type TransformedRequest,
  type TransformedResponse,
  tokenExchange,
} from '@onbehalf/aws'
import {
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  plainHeaders,
  type Source,
  sharedSecret,
  signedHeader,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { createPeople, type People, remotePeople, WEB } from '../people.ts'
import { startTokenServer, type TokenServer } from '../token-server.ts'
import { call, httpEvent, mcpEvent, message } from './interceptor-events.ts'

let people: People
beforeAll(async () => {
  people = await createPeople()
})

interface Started {
  readonly intercept: (event: unknown, context?: LambdaContext) => Promise<InterceptorAnswer>
  readonly events: InterceptorEventReport[]
}

function start(options: Partial<RequestInterceptorOptions>): Started {
  const events: InterceptorEventReport[] = []
  const handler = requestInterceptor({
    authenticator: createAuthenticator({
      resource: 'https://gateway.example.com',
      sources: [direct({ issuer: people.issuer })],
    }),
    targets: { crm: forwardInboundToken({ header: 'X-User-Token' }) },
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { events, intercept: (event, context) => handler(event as InterceptorEvent, context) }
}

function passed(answer: InterceptorAnswer, kind: 'mcp' | 'http' = 'mcp'): TransformedRequest {
  const exchange = answer[kind] as { transformedGatewayRequest: TransformedRequest }
  expect(answer).toEqual({
    interceptorOutputVersion: '1.0',
    [kind]: { transformedGatewayRequest: expect.any(Object) as unknown },
  })
  return exchange.transformedGatewayRequest
}

function stopped(answer: InterceptorAnswer, kind: 'mcp' | 'http' = 'mcp'): TransformedResponse {
  const exchange = answer[kind] as { transformedGatewayResponse: TransformedResponse }
  expect(answer).toEqual({
    interceptorOutputVersion: '1.0',
    [kind]: {
      transformedGatewayResponse: {
        statusCode: expect.any(Number) as unknown,
        body: expect.anything() as unknown,
      },
    },
  })
  return exchange.transformedGatewayResponse
}

async function written(
  options: Partial<RequestInterceptorOptions>,
  event: unknown,
): Promise<Readonly<Record<string, string>>> {
  return passed(await start(options).intercept(event)).headers
}

async function refusal(
  options: Partial<RequestInterceptorOptions>,
  event: unknown,
): Promise<{ status: number; message: string; told: InterceptorEventReport | undefined }> {
  const { intercept, events } = start(options)
  const { statusCode, body } = stopped(await intercept(event))
  const { error } = body as { error: { code: number; message: string } }
  expect(body).toMatchObject({ jsonrpc: '2.0', error: { code: 31_000 + statusCode } })
  return { status: statusCode, message: error.message, told: events.at(-1) }
}

const secret = 'k3TqP0vXn8Zr5YbW2LmD7sHc9GfJ4aEu'
const proof = { header: 'X-Interceptor-Proof', secret }
const proven = { 'x-interceptor-proof': secret }
const tenant = headers(
  {
    'X-Tenant-Id': ({ organization }) => organization?.id,
    'X-Roles': ({ roles }) => roles,
  },
  { proof },
)

describe('forwardInboundToken', () => {
  it('writes the verified token into the header, and leaves the message as it is', async () => {
    const token = await people.token()
    const { intercept, events } = start({})
    const request = passed(await intercept(mcpEvent(token, call('crm___find', { id: '42' }))))
    expect(request).toEqual({
      headers: { 'x-user-token': token },
      body: call('crm___find', { id: '42' }),
    })
    expect(events).toEqual([{ type: 'passed', target: 'crm' }])
  })

  it.each(['X-User-Token', 'x-user-token', 'X-USER-TOKEN'])(
    'overwrites what the client typed into %s',
    async (name) => {
      const token = await people.token()
      const forged = { [name]: await people.token({ sub: 'somebody else' }) }
      const headers = await written({}, mcpEvent(token, call('crm___find'), forged))
      expect(headers).toEqual({ [name]: token })
    },
  )

  it('refuses a header that the client sent in two spellings', async () => {
    const typed = { 'X-User-Token': 'a', 'x-user-token': 'b' }
    const event = mcpEvent(await people.token(), call('crm___find'), typed)
    expect(await refusal({}, event)).toMatchObject({
      status: 400,
      message: 'A header was sent twice',
    })
  })

  it.each(['initialize', 'tools/list', 'ping', 'resources/read', 'notifications/initialized'])(
    'writes it for %s too, which may go to any target',
    async (method) => {
      const token = await people.token()
      expect(await written({}, mcpEvent(token, message(method)))).toEqual({ 'x-user-token': token })
    },
  )

  it('serves targets of other protocols', async () => {
    const token = await people.token()
    const event = httpEvent(token, '/crm/invocations', { 'x-user-token': 'typed' })
    const request = passed(await start({}).intercept(event), 'http')
    const { body } = event.http.gatewayRequest
    expect(request).toEqual({ headers: { 'x-user-token': token }, body })
  })

  it('refuses a token that would not reach a target on Runtime', async () => {
    const event = mcpEvent(await people.token({ x: 'x'.repeat(4000) }), call('crm___find'))
    expect(await refusal({}, event)).toMatchObject({
      status: 403,
      message: 'The identity is too large for the target',
    })
    const mode = forwardInboundToken({ header: 'x-user-token', maxValueBytes: 8192 })
    await expect(written({ targets: { crm: mode } }, event)).resolves.toBeDefined()
  })
})

describe('headers', () => {
  const targets = { crm: tenant }

  it('writes facts about the person over what the client sent', async () => {
    const typed = { 'x-tenant-id': 'globex', 'x-roles': 'root' }
    const event = mcpEvent(await people.token(), call('crm___find'), typed)
    expect(await written({ targets }, event)).toEqual({
      'x-tenant-id': 'acme',
      'x-roles': 'support',
      ...proven,
    })
  })

  it('writes nothing where the identity does not say, over what the client sent', async () => {
    const token = await people.token({ org_id: undefined, 'cognito:groups': undefined })
    const event = mcpEvent(token, call('crm___find'), { 'x-tenant-id': 'globex' })
    expect(await written({ targets }, event)).toEqual({
      'x-tenant-id': '',
      'x-roles': '',
      ...proven,
    })
  })

  it.each([
    ['a line break', 'x-tenant-id', { org_id: 'acme\r\nx-roles: root' }],
    ['a tab', 'x-tenant-id', { org_id: 'acme\tx' }],
    ['letters that no header can have', 'x-tenant-id', { org_id: 'ac\u{301}me' }],
    ['a blank in front', 'x-tenant-id', { org_id: ' acme' }],
    ['a blank at the end', 'x-tenant-id', { org_id: 'acme ' }],
    ['a blank of Latin-1 at the end', 'x-tenant-id', { org_id: 'acme\u{a0}' }],
    ['a wide blank at the end', 'x-tenant-id', { org_id: 'acme\u{3000}' }],
    ['a byte order mark at the end', 'x-tenant-id', { org_id: 'acme\u{feff}' }],
    ['nothing but a blank', 'x-tenant-id', { org_id: ' ' }],
    ['a comma', 'x-tenant-id', { org_id: 'acme,globex' }],
    ['a comma in a name', 'x-roles', { 'cognito:groups': ['support,root'] }],
    ['a space in a name', 'x-roles', { 'cognito:groups': ['support root'] }],
  ])('refuses %s, and names the header', async (_name, detail, claims) => {
    const event = mcpEvent(await people.token(claims), call('crm___find'))
    expect(await refusal({ targets }, event)).toMatchObject({
      status: 403,
      message: 'The identity does not fit into a header',
      told: { reason: 'value_unfit', detail },
    })
  })

  it.each<[string, () => unknown]>([
    ['a number', () => 7],
    ['an empty name', () => ['']],
    ['a list of lists', () => [['support']]],
    ['null', () => null],
    ['a promise', () => Promise.resolve('support')],
    ['a promise that fails', () => Promise.reject(new Error('directory is down'))],
  ])('refuses %s of a reader', async (_name, read) => {
    const crm = headers({ 'x-roles': read as () => string }, { proof })
    const event = mcpEvent(await people.token(), call('crm___find'))
    expect(await refusal({ targets: { crm } }, event)).toMatchObject({
      told: { reason: 'value_unfit', detail: 'x-roles' },
    })
  })

  it('keeps a blank inside a value', async () => {
    const event = mcpEvent(await people.token({ org_id: 'acme corp' }), call('crm___find'))
    expect(await written({ targets }, event)).toMatchObject({ 'x-tenant-id': 'acme corp' })
  })

  it('writes the proof over what the client sent', async () => {
    const typed = { 'X-INTERCEPTOR-PROOF': 'typed' }
    const event = mcpEvent(await people.token(), call('crm___find'), typed)
    const headers = await written({ targets }, event)
    expect(headers).toMatchObject({ 'X-INTERCEPTOR-PROOF': secret })
    expect(headers).not.toHaveProperty('x-interceptor-proof')
  })

  it('fetches the secret with a function, and stops the request without it', async () => {
    let answer: () => unknown = () => Promise.resolve(secret)
    const own = { header: 'x-proof', secret: () => answer() as Promise<string> }
    const { intercept, events } = start({
      targets: { crm: headers({ 'x-user-id': ({ subject }) => subject }, { proof: own }) },
    })
    const event = mcpEvent(await people.token(), call('crm___find'))
    expect(passed(await intercept(event)).headers).toMatchObject({ 'x-proof': secret })
    const failures: readonly (() => unknown)[] = [
      () => Promise.reject(new Error(`no ${secret}`)),
      () => undefined,
      () => 'too short',
      () => `${secret} `,
      () => `${secret}\n`,
    ]
    for (answer of failures) {
      const { statusCode, body } = stopped(await intercept(event))
      expect(statusCode).toBe(503)
      expect(JSON.stringify(body)).not.toContain(secret)
      expect(events.at(-1)).toMatchObject({ reason: 'proof_unavailable' })
    }
  })

  it('proves to the server that the interceptor wrote them, which the gateway alone does not', async () => {
    const server = createAuthenticator({
      resource: 'https://mcp.example.com/mcp',
      sources: [
        plainHeaders({
          headers: { subject: 'x-user-id', organization: 'x-tenant-id', roles: 'x-roles' },
          iss: 'https://people.example.com',
          proof: sharedSecret({ header: 'x-interceptor-proof', secret }),
        }),
      ],
    })
    const crm = [
      tenant,
      headers({ 'x-user-id': () => 'ada' }, { proof: { header: 'x-p2', secret } }),
    ]
    const event = mcpEvent(await people.token(), call('crm___find'))
    const sent = await written({ targets: { crm } }, event)
    await expect(server.authenticate({ headers: sent })).resolves.toMatchObject({
      subject: 'ada',
      organization: { id: 'acme' },
    })
    const typed = { 'x-user-id': 'ceo', 'x-tenant-id': 'globex', 'x-roles': 'admin' }
    for (const proof of [{}, { 'x-interceptor-proof': 'guessed' }]) {
      await expect(server.authenticate({ headers: { ...typed, ...proof } })).rejects.toMatchObject({
        code: 'MISSING',
      })
    }
  })
})

describe('several targets', () => {
  const options = {
    targets: { crm: forwardInboundToken({ header: 'x-user-token' }), books: tenant },
  }

  it('get their own headers, and none that the client typed for another', async () => {
    const token = await people.token()
    const typed = { 'x-user-token': 'typed', 'x-tenant-id': 'typed' }
    expect(await written(options, mcpEvent(token, call('crm___find'), typed))).toEqual({
      'x-user-token': token,
      'x-tenant-id': '',
    })
    expect(await written(options, mcpEvent(token, call('books___close'), typed))).toEqual({
      'x-user-token': '',
      'x-tenant-id': 'acme',
      'x-roles': 'support',
      ...proven,
    })
  })

  it('all get theirs with a message that names none', async () => {
    const token = await people.token()
    expect(await written(options, mcpEvent(token, message('tools/list')))).toEqual({
      'x-user-token': token,
      'x-tenant-id': 'acme',
      'x-roles': 'support',
      ...proven,
    })
  })

  it.each(['other___find', 'find', '___find', 'crm___', 'crm__find', 'CRM___find'])(
    'do not let %s pass',
    async (tool) => {
      const event = mcpEvent(await people.token(), call(tool))
      expect(await refusal(options, event)).toMatchObject({
        status: 403,
        message: 'The interceptor does not know the target',
      })
    },
  )

  it('let it pass when that is configured, with nothing in the headers of others', async () => {
    const event = mcpEvent(await people.token(), call('other___find'), { 'x-tenant-id': 'typed' })
    const others = { ...options, otherTargets: 'unchanged' } as const
    expect(await written(others, event)).toEqual({ 'x-tenant-id': '' })
  })

  it('may each be reached in several ways', async () => {
    const crm = [tenant, forwardInboundToken({ header: 'x-user-token' })]
    const headers = await written(
      { targets: { crm } },
      mcpEvent(await people.token(), call('crm___find')),
    )
    expect(Object.keys(headers)).toEqual([
      'x-tenant-id',
      'x-roles',
      'x-interceptor-proof',
      'x-user-token',
    ])
  })
})

describe('a request is stopped', () => {
  it.each([
    ['without a token', 401, 'Authentication required', async () => undefined],
    [
      'with an expired one',
      401,
      'The access token was refused',
      () => people.token({}, { expiresInSeconds: -60 }),
    ],
    [
      'with one of another client',
      401,
      'The access token was refused',
      () => people.token({ client_id: 'x' }),
    ],
    [
      'with a forged one',
      401,
      'The access token was refused',
      async () => (await createPeople()).token(),
    ],
    [
      'with that of a service',
      403,
      'A user is required',
      () => people.token({ sub: WEB, username: undefined }),
    ],
  ])('%s', async (_name, status, text, token) => {
    const sent = await token()
    const { intercept, events } = start({})
    const answer = await intercept(mcpEvent(sent, call('crm___find')))
    expect(stopped(answer)).toMatchObject({
      statusCode: status,
      body: { jsonrpc: '2.0', id: 7, error: { message: text } },
    })
    expect(inspect([answer, events], { depth: 9 })).not.toContain(sent?.split('.')[1] ?? 'Bearer')
  })

  it('with one token in the header and one in the path', async () => {
    const event = mcpEvent(await people.token(), call('crm___find'))
    event.mcp.gatewayRequest.path = '/mcp?access_token=x'
    expect(await refusal({}, event)).toMatchObject({ status: 400 })
  })

  it('while the keys are out of reach', async () => {
    const { issuer, token } = await remotePeople(() => 500)
    const sources = [direct({ issuer })]
    const authenticator = createAuthenticator({ resource: 'https://gateway.example.com', sources })
    const event = mcpEvent(await token(), call('crm___find'))
    expect(await refusal({ authenticator }, event)).toMatchObject({ status: 503 })
  })

  it.each<[string, number, string, (event: ReturnType<typeof mcpEvent>) => unknown]>([
    [
      'of another version',
      500,
      'The interceptor does not understand this version of the event',
      (event) => ({ ...event, interceptorInputVersion: '2.0' }),
    ],
    [
      'without a version',
      500,
      'The interceptor does not understand this version of the event',
      ({ mcp }) => ({ mcp }),
    ],
    [
      'of another shape',
      500,
      'The interceptor does not understand this version of the event',
      () => ({ interceptorInputVersion: '1.0', grpc: {} }),
    ],
    [
      'that is nothing',
      500,
      'The interceptor does not understand this version of the event',
      () => undefined,
    ],
    [
      'of the other phase',
      500,
      'The interceptor is for requests only',
      (event) => ({ ...event, mcp: { ...event.mcp, gatewayResponse: { statusCode: 200 } } }),
    ],
    [
      'without headers',
      500,
      'The interceptor receives no headers: set passRequestHeaders',
      (event) => changed(event, { headers: undefined }),
    ],
    [
      'whose headers are null',
      500,
      'The interceptor receives no headers: set passRequestHeaders',
      (event) => changed(event, { headers: null }),
    ],
    [
      'with a batch',
      400,
      'Batches are not supported',
      (event) => changed(event, { body: [call('crm___find')] }),
    ],
    [
      'whose body was not parsed',
      500,
      'The interceptor does not understand this version of the event',
      (event) => changed(event, { body: '{}' }),
    ],
  ])('by an event %s', async (_name, status, text, change) => {
    const event = change(mcpEvent(await people.token(), call('crm___find')))
    expect(await refusal({}, event)).toMatchObject({ status, message: text })
  })

  it('in base64, where the body came so', async () => {
    const { intercept } = start({})
    const { statusCode, body } = stopped(await intercept(httpEvent(undefined, '/crm/mcp')), 'http')
    const parsed: unknown = JSON.parse(Buffer.from(body as string, 'base64').toString())
    expect(statusCode).toBe(401)
    expect(parsed).toMatchObject({ error: { message: 'Authentication required' } })
  })

  it('when your function throws, without what it says', async () => {
    const crm = headers(
      {
        'x-tenant-id': () => {
          throw new Error('secret of jane')
        },
      },
      { proof },
    )
    const { intercept, events } = start({ targets: { crm } })
    const answer = await intercept(mcpEvent(await people.token(), call('crm___find')))
    expect(stopped(answer).statusCode).toBe(500)
    expect(inspect([answer, events], { depth: 9 })).not.toContain('secret of jane')
  })

  function changed(event: ReturnType<typeof mcpEvent>, change: object): object {
    const gatewayRequest = { ...event.mcp.gatewayRequest, ...change }
    return { ...event, mcp: { ...event.mcp, gatewayRequest } }
  }
})

describe('clientMetadata', () => {
  const client = (server: TokenServer) => ({
    tokenEndpoint: server.tokenEndpoint,
    clientId: 'gateway',
    clientSecret: 'a secret/+',
    scopes: ['crm-mcp/tools.call'],
  })

  it('asks Cognito for a token that carries the person, and writes it into Authorization', async () => {
    const server = await startTokenServer()
    const crm = clientMetadata({ ...client(server), metadata: { callerApp: 'support-chat' } })
    const token = await people.token()
    const headers = await written({ targets: { crm } }, mcpEvent(token, call('crm___find')))
    expect(headers).toEqual({ authorization: 'Bearer issued-1' })
    const [request] = server.requests
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      scope: 'crm-mcp/tools.call',
      aws_client_metadata: JSON.stringify({ callerApp: 'support-chat', onBehalfOfToken: token }),
    })
    const basic = Buffer.from('gateway:a+secret%2F%2B').toString('base64')
    expect(request?.authorization).toBe(`Basic ${basic}`)
  })

  it('asks once for 500 users who call at the same time, and not again', async () => {
    const server = await startTokenServer()
    server.delayMs = 20
    const { intercept } = start({
      targets: { crm: clientMetadata({ ...client(server), timeoutSeconds: 30 }) },
    })
    const tokens = await Promise.all(
      Array.from({ length: 500 }, (_, n) => people.token({ sub: `person-${n}` })),
    )
    const bearers = async (): Promise<string[]> => {
      const answers = await Promise.all(
        // Each of them several times at once.
        [...tokens, ...tokens, ...tokens].map((token) =>
          intercept(mcpEvent(token, call('crm___find'))),
        ),
      )
      return answers.map((answer) => passed(answer).headers['authorization'] ?? '')
    }
    const first = await bearers()
    expect(server.requests).toHaveLength(500)
    expect(new Set(first).size).toBe(500)
    expect(first.slice(500, 1000)).toEqual(first.slice(0, 500))
    expect(await bearers()).toEqual(first)
    expect(server.requests).toHaveLength(500)
    // No user got a token that was requested with another user's token.
    const askedWith = server.requests.map(
      ({ form }) =>
        (JSON.parse(form.get('aws_client_metadata') ?? '') as Record<string, string>)[
          'onBehalfOfToken'
        ],
    )
    first.slice(0, 500).forEach((bearer, n) => {
      expect(askedWith[Number(bearer.replace('Bearer issued-', '')) - 1]).toBe(tokens[n])
    })
  }, 60_000)

  it('asks again shortly before the token expires', async () => {
    const server = await startTokenServer()
    server.expiresInSeconds = 100
    const clock = { now: Date.now() / 1000 }
    const crm = clientMetadata(client(server))
    const { intercept } = start({ targets: { crm }, clock: () => clock.now })
    const event = mcpEvent(await people.token(), call('crm___find'))
    const asked = async (after: number): Promise<number> => {
      clock.now += after
      await intercept(event)
      return server.requests.length
    }
    expect(await asked(0)).toBe(1)
    expect(await asked(69)).toBe(1)
    expect(await asked(2)).toBe(2)
    expect(await asked(60)).toBe(2)
  })

  it('keeps no token beyond the life of the person’s own', async () => {
    const server = await startTokenServer()
    const clock = { now: Date.now() / 1000 }
    const crm = clientMetadata(client(server))
    const { intercept } = start({ targets: { crm }, clock: () => clock.now })
    const event = mcpEvent(await people.token({}, { expiresInSeconds: 120 }), call('crm___find'))
    await intercept(event)
    clock.now += 95
    await intercept(event)
    expect(server.requests).toHaveLength(2)
  })

  it('gives a person with two tokens the token of each', async () => {
    const server = await startTokenServer()
    const { intercept } = start({ targets: { crm: clientMetadata(client(server)) } })
    const tokens = [await people.token(), await people.token({ org_id: 'globex' })]
    for (const token of tokens) await intercept(mcpEvent(token, call('crm___find')))
    expect(server.requests).toHaveLength(2)
  })

  it('keeps a bounded number of tokens', async () => {
    const server = await startTokenServer()
    const crm = clientMetadata({ ...client(server), maxTokens: 2 })
    const { intercept } = start({ targets: { crm } })
    const [ada, bob, gil] = await Promise.all(
      ['ada', 'bob', 'gil'].map(async (sub) =>
        mcpEvent(await people.token({ sub }), call('crm___find')),
      ),
    )
    for (const event of [ada, bob, ada, gil, ada]) await intercept(event)
    expect(server.requests).toHaveLength(3)
    await intercept(bob)
    expect(server.requests).toHaveLength(4)
  })

  it.each([
    ['the trigger refuses the person', 400, { error: 'invalid_request' }, 403],
    ['the grant is refused', 400, { error: 'invalid_grant' }, 403],
    ['the client is refused', 401, { error: 'invalid_client' }, 503],
    ['the scope is unknown', 400, { error: 'invalid_scope' }, 503],
    ['there are too many requests', 429, { error: 'slow_down' }, 503],
    ['it fails', 500, 'secret of jane', 503],
    ['it leads elsewhere', 302, '', 503],
    ['it answers with no token', 200, {}, 503],
    ['it answers with no JSON', 200, 'secret of jane', 503],
    ['the token has a line break', 200, { access_token: 'a\r\nb', token_type: 'Bearer' }, 503],
    ['the token is none to bear', 200, { access_token: 'a', token_type: 'DPoP' }, 503],
    ['its answer has no end', 200, { access_token: 'a'.repeat(70_000), token_type: 'Bearer' }, 503],
  ])(
    'stops the request when %s, and tries again with the next',
    async (_name, status, body, answered) => {
      const server = await startTokenServer()
      server.answer = { status, body }
      const { intercept, events } = start({ targets: { crm: clientMetadata(client(server)) } })
      const event = mcpEvent(await people.token(), call('crm___find'))
      expect(stopped(await intercept(event)).statusCode).toBe(answered)
      expect(inspect(events)).not.toContain('secret of jane')
      server.answer = undefined
      expect(passed(await intercept(event)).headers['authorization']).toBe('Bearer issued-2')
    },
  )

  it('stops the request when the token endpoint is silent, or the secret cannot be had', async () => {
    const server = await startTokenServer()
    server.delayMs = 60_000
    const event = mcpEvent(await people.token(), call('crm___find'))
    const silent = clientMetadata({ ...client(server), timeoutSeconds: 0.1 })
    expect(await refusal({ targets: { crm: silent } }, event)).toMatchObject({ status: 503 })
    const clientSecret = (): Promise<string> => Promise.reject(new Error('no such secret'))
    const failing = clientMetadata({ ...client(server), clientSecret })
    expect(await refusal({ targets: { crm: failing } }, event)).toMatchObject({ status: 503 })
  })

  it('writes no Authorization for messages that name no target, when targets have their own', async () => {
    const server = await startTokenServer()
    const [crm, books] = [clientMetadata(client(server)), clientMetadata(client(server))]
    const list = mcpEvent(await people.token(), message('tools/list'))
    expect(await written({ targets: { crm } }, list)).toEqual({ authorization: 'Bearer issued-1' })
    expect(await written({ targets: { crm, books } }, list)).toEqual({})
  })

  it('can use a header of its own instead', async () => {
    const server = await startTokenServer()
    const crm = clientMetadata({ ...client(server), header: 'X-Machine-Token' })
    const event = mcpEvent(await people.token(), call('crm___find'))
    expect(await written({ targets: { crm } }, event)).toEqual({ 'x-machine-token': 'issued-1' })
  })
})

describe('tokenExchange', () => {
  it.each([
    [
      'TOKEN_EXCHANGE' as const,
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      },
      'subject_token',
    ],
    [
      'JWT_AUTHORIZATION_GRANT' as const,
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        requested_token_use: 'on_behalf_of',
      },
      'assertion',
    ],
  ])('exchanges the token by %s', async (grantType, parameters, subject) => {
    const server = await startTokenServer()
    const crm = tokenExchange({
      grantType,
      tokenEndpoint: server.tokenEndpoint,
      clientId: 'gateway',
      clientSecret: async () => 'kept elsewhere',
      clientAuthentication: 'post',
      parameters: { resource: 'https://crm.example.com/mcp' },
    })
    const token = await people.token()
    const event = mcpEvent(token, call('crm___find'))
    expect(await written({ targets: { crm } }, event)).toEqual({ authorization: 'Bearer issued-1' })
    expect(Object.fromEntries(server.requests[0]?.form ?? [])).toEqual({
      ...parameters,
      [subject]: token,
      resource: 'https://crm.example.com/mcp',
      client_id: 'gateway',
      client_secret: 'kept elsewhere',
    })
    expect(server.requests[0]?.authorization).toBeUndefined()
  })
})

describe('ready', () => {
  it('loads the keys, and does not fail without them', async () => {
    let status = 500
    const { issuer, fetches } = await remotePeople(() => status)
    const sources = [direct({ issuer })]
    const authenticator = createAuthenticator({ resource: 'https://gateway.example.com', sources })
    const targets = { crm: tenant }
    await requestInterceptor({ authenticator, targets }).ready()
    status = 200
    expect(fetches()).toBe(1)
  })
})

describe('construction', () => {
  const client = {
    tokenEndpoint: 'https://login.example.com/oauth2/token',
    clientId: 'gateway',
    clientSecret: 'secret',
  }
  const forward = forwardInboundToken({ header: 'x-user-token' })

  it.each([
    'Authorization',
    'Cookie',
    'Host',
    'Accept',
    'Content-Type',
    'Mcp-Session-Id',
    'Origin',
    'User-Agent',
    'X-Amzn-Trace-Id',
    'X-Amz-Date',
    'Proxy-Authorization',
    'x user',
    'x_user',
    '',
    `x${'-long'.repeat(20)}`,
  ])('refuses the header "%s", which reaches no target', (header) => {
    expect(() => forwardInboundToken({ header })).toThrow(TypeError)
    expect(() => headers({ [header]: () => 'x' }, { proof })).toThrow(TypeError)
    expect(() => headers({ a: () => 'x' }, { proof: { header, secret } })).toThrow(TypeError)
  })

  it('takes the headers that AgentCore Runtime has for this', () => {
    const header = 'X-Amzn-Bedrock-AgentCore-Runtime-Custom-User-Token'
    expect(forwardInboundToken({ header }).writes).toEqual([header.toLowerCase()])
  })

  it.each<[string, () => unknown]>([
    [
      'authenticator is required: made by createAuthenticator, with direct sources',
      () => start({ authenticator: {} as never }),
    ],
    ['authenticator must not be undefined', () => start({ authenticator: undefined as never })],
    [
      '"otherTarget" is not an option of requestInterceptor; did you mean "otherTargets"?',
      () => start({ otherTarget: 'unchanged' } as never),
    ],
    [
      '"maxBytes" is not an option of forwardInboundToken',
      () => forwardInboundToken({ header: 'a', maxBytes: 1 } as never),
    ],
    ['"secret" is not an option of headers', () => headers({ a: () => 'x' }, { secret } as never)],
    [
      '"secrets" is not an option of proof; did you mean "secret"?',
      () => headers({ a: () => 'x' }, { proof: { header: 'b', secrets: [secret] } as never }),
    ],
    [
      '"scope" is not an option of clientMetadata; did you mean "scopes"?',
      () => clientMetadata({ ...client, scope: 'x' } as never),
    ],
    [
      'scopes must not be undefined',
      () => tokenExchange({ ...client, grantType: 'TOKEN_EXCHANGE', scopes: undefined as never }),
    ],
    [
      'authenticator is required: made by createAuthenticator, with direct sources',
      () => start({ authenticator: { authenticate: () => Promise.reject(new Error()) } as never }),
    ],
    ['targets must name at least one target', () => start({ targets: {} })],
    ['targets: "a_b" is not a valid target name', () => start({ targets: { a_b: forward } })],
    ['targets: "crm" has no mode', () => start({ targets: { crm: [] } })],
    [
      'targets: "crm" has two modes for one header',
      () => start({ targets: { crm: [forward, forward] } }),
    ],
    [
      'targets: "x-user-token" needs one mode object for all targets',
      () =>
        start({
          targets: { crm: forward, books: forwardInboundToken({ header: 'x-user-token' }) },
        }),
    ],
    [
      "otherTargets must be 'refuse' or 'unchanged'",
      () => start({ otherTargets: 'pass' as never }),
    ],
    ['headers must name at least one', () => headers({}, { proof })],
    ['headers must be different ones', () => headers({ a: () => 'x', A: () => 'x' }, { proof })],
    [
      'headers must be different ones',
      () => headers({ 'x-interceptor-proof': () => 'x' }, { proof }),
    ],
    ['headers: "a" needs a function', () => headers({ a: 'x' as never }, { proof })],
    [
      'proof is required: a header and a secret that the server knows',
      () => headers({ a: () => 'x' }, {} as never),
    ],
    [
      'headers: the options must be an object',
      () => (headers as (readers: object) => unknown)({ a: () => 'x' }),
    ],
    ...['', 'x'.repeat(31), `${'x'.repeat(40)} `, 'é'.repeat(40)].map(
      (wrong): [string, () => unknown] => [
        'proof.secret must have at least 32 characters, all visible ASCII',
        () => headers({ a: () => 'x' }, { proof: { header: 'b', secret: wrong } }),
      ],
    ),
    [
      'maxValueBytes must be a positive integer',
      () => forwardInboundToken({ header: 'a', maxValueBytes: 0 }),
    ],
    ['clientId is required', () => clientMetadata({ ...client, clientId: '' })],
    ['clientSecret is required', () => clientMetadata({ ...client, clientSecret: '' })],
    [
      'tokenEndpoint must use https (http is for loopback only)',
      () => clientMetadata({ ...client, tokenEndpoint: 'http://login.example.com' }),
    ],
    [
      'metadata must not name onBehalfOfToken',
      () => clientMetadata({ ...client, metadata: { onBehalfOfToken: 'x' } }),
    ],
    ['maxTokens must be a positive integer', () => clientMetadata({ ...client, maxTokens: 0 })],
    [
      'timeoutSeconds must be above 0 and at most 30',
      () => clientMetadata({ ...client, timeoutSeconds: 0 }),
    ],
    [
      "clientAuthentication must be 'basic' or 'post'",
      () => clientMetadata({ ...client, clientAuthentication: 'none' as never }),
    ],
    [
      "grantType must be 'TOKEN_EXCHANGE' or 'JWT_AUTHORIZATION_GRANT'",
      () => tokenExchange({ ...client, grantType: 'x' as never }),
    ],
  ])('says what is wrong: %s', (text, build) => {
    expect(build).toThrow(new TypeError(text))
  })

  it.each<[string, () => Source]>([
    [
      'forwarded',
      () =>
        forwarded({
          header: 'x-user-token',
          issuer: people.issuer,
          gateway: people.issuer,
          bind: 'trust-gateway',
        }),
    ],
    ['enriched', () => enriched({ issuer: people.issuer, userClaim: 'onBehalfOf' })],
    ['signedHeader', () => signedHeader({ header: 'x-assertion', issuer: people.issuer })],
    [
      'plainHeaders',
      () =>
        plainHeaders({
          headers: { subject: 'x-user-id' },
          iss: 'https://people.example.com',
          proof: sharedSecret({ header: 'x-proof', secret }),
        }),
    ],
  ])('takes no %s source, of which Authorization is not the verified token', (kind, source) => {
    const resource = 'https://gateway.example.com'
    const own = direct({ issuer: people.issuer })
    for (const sources of [[source()], [own, source()], [source(), own]]) {
      const authenticator = createAuthenticator({ resource, sources })
      expect(() => start({ authenticator })).toThrow(
        new TypeError(
          `authenticator must have direct sources only: "${kind}" does not verify the user's token in Authorization, which the interceptor passes on`,
        ),
      )
    }
    const authenticator = createAuthenticator({ resource, sources: [own, own] })
    expect(() => start({ authenticator })).not.toThrow()
  })
})

describe('a refused token', () => {
  it('is reported with what the authenticator expected of it', async () => {
    const { intercept, events } = start({})
    const token = await people.token({ client_id: 'other-client' })
    await intercept(mcpEvent(token, call('crm___find')))
    expect(events).toMatchObject([
      {
        type: 'stopped',
        reason: 'client',
        failure: {
          role: 'user',
          source: 'direct',
          header: 'authorization',
          expected: ['5webclientid0000example'],
        },
      },
    ])
    expect(JSON.stringify(events)).not.toContain('other')
  })
})

describe('a request id', () => {
  it('is reported, and given to the caller whose request is stopped', async () => {
    const { intercept, events } = start({})
    const context = { awsRequestId: '6bc28136-xmpl-4365-b021-0ce6b2e64ab0' }
    const requestId = context.awsRequestId
    await intercept(mcpEvent(await people.token(), call('crm___find')), context)
    const answer = await intercept(mcpEvent(undefined, call('crm___find')), context)
    expect(events).toEqual([
      { type: 'passed', target: 'crm', requestId },
      { type: 'stopped', target: 'crm', status: 401, reason: 'no_credential', requestId },
    ])
    expect(stopped(answer).body).toMatchObject({ error: { data: { requestId } } })
  })
})
