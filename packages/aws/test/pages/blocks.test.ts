import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  type PreTokenTrigger,
  type RequestInterceptor,
  requestInterceptor,
  runtimeHeader,
  type TargetMode,
} from '@onbehalf/aws'
import {
  type Authenticator,
  createAuthenticator,
  direct,
  type Issuer,
  type Source,
} from '@onbehalf/core'
import { cognito } from '@onbehalf/core/issuers'
import { authenticate } from '@onbehalf/express'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { call, mcpEvent } from '../interceptor/interceptor-events.ts'
import { checkResource } from '../templates/check-resource.ts'
import { parseTemplate } from '../templates/cloudformation-template.ts'
import { machineEvent } from '../trigger/cognito-events.ts'
import { type Cognito, startCognito } from './cognito.ts'
import { curl, fromCloudFormation } from './first-call.ts'
import { type Bundles, buildFunctions } from './functions.ts'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  MACHINE_POOL,
  PEOPLE_POOL,
  REGION,
  TOKEN_ENDPOINT,
  WEB_CLIENT,
} from './names.ts'
import { blocksOf, blockWith, runBlock } from './page.ts'
import { runDeployment } from './run-deployment.ts'

// The code of the pages that set nothing up: each block runs, and does what its page says.

let cognitoOfBoth: Cognito
let trigger: PreTokenTrigger
let ada: string
beforeAll(async () => {
  cognitoOfBoth = await startCognito({
    tokenEndpoint: TOKEN_ENDPOINT,
    scopes: ['mcp/invoke'],
    trigger: (event) => trigger(event),
  })
  trigger = (await runBlock(blockWith('trigger', 'ts', 'machine-only'), {}))[
    'handler'
  ] as PreTokenTrigger
  ada = await cognitoOfBoth.signIn('ada')
  vi.spyOn(console, 'log').mockImplementation(() => {})
})
afterAll(async () => {
  vi.restoreAllMocks()
  await cognitoOfBoth?.close()
  vi.unstubAllGlobals()
})

const interceptorSecret = 'k3TqP0vXn8Zr5YbW2LmD7sHc9GfJ4aEu'
const people = (): Issuer =>
  cognito({ region: REGION, userPoolId: PEOPLE_POOL, audience: null, clients: [WEB_CLIENT] })
const gateway = (): Issuer =>
  cognito({ region: REGION, userPoolId: MACHINE_POOL, audience: null, clients: [CLIENT_ID] })

describe('the page of the trigger', () => {
  it('shows what its handler writes', async () => {
    const { response } = await trigger(machineEvent({ onBehalfOfToken: ada }))
    const { accessTokenGeneration } = (response as unknown as Response)
      .claimsAndScopeOverrideDetails
    const { onBehalfOf } = accessTokenGeneration.claimsToAddOrOverride
    const shown = JSON.parse(blockWith('trigger', 'json', 'act')) as Readonly<
      Record<string, unknown>
    >
    expect(Object.keys(onBehalfOf ?? {})).toEqual(Object.keys(shown))
    expect(onBehalfOf).toMatchObject({
      iss: shown['iss'],
      act: shown['act'],
      organization: { id: 'acme' },
    })
  })

  it('has a row for every reason', () => {
    const source = readFileSync(new URL('../../src/trigger/refusal.ts', import.meta.url), 'utf8')
    const reasons = [...source.matchAll(/^ {2}(\w+): '/gm)].map(([, name]) => name)
    const page = readFileSync(new URL('../../../../docs/aws/trigger.md', import.meta.url), 'utf8')
    const [, table = ''] = page.split('## Know what fails a token request')
    const cells = [...table.matchAll(/^\| (`.*?) \|/gm)].map(([, cell = '']) => cell)
    const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name))
    const rows = named.filter((name) => name !== 'reason')
    expect(rows).toHaveLength(reasons.length)
    expect(new Set(rows)).toEqual(new Set(reasons))
  })

  it('shares its schema with the server', async () => {
    const code = blockWith('trigger', 'ts', 'schema: user').replace(
      '\npreTokenTrigger(',
      '\nconst handler = preTokenTrigger(',
    )
    const globals = { people: people(), gateway: gateway(), clientId: CLIENT_ID, z }
    const { handler } = await runBlock(code, globals, ['handler'])
    const event = machineEvent({ onBehalfOfToken: ada })
    // Nobody of this pool has a department of that kind, but the text "undefined" is one.
    const { response } = await (handler as PreTokenTrigger)(event)
    expect(JSON.stringify(response)).toContain('"department":"undefined"')
  })
})

interface Response {
  readonly claimsAndScopeOverrideDetails: {
    readonly accessTokenGeneration: {
      readonly claimsToAddOrOverride: Readonly<Record<string, Readonly<Record<string, unknown>>>>
    }
  }
}

describe('the page of the interceptor', () => {
  const event = () => mcpEvent(ada, call('invoices___whoami'), { 'x-user-token': 'typed' })

  function authorizer(): Authenticator {
    const sources = [direct({ issuer: people() })]
    return createAuthenticator({ resource: 'https://gateway.example.com', sources })
  }

  /** What a mode of the page writes. */
  async function write(block: string): Promise<Readonly<Record<string, string>>> {
    const globals = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, interceptorSecret }
    const { mode } = await runBlock(block, globals, ['mode'])
    const targets = { invoices: mode as TargetMode }
    return headersOf(await requestInterceptor({ authenticator: authorizer(), targets })(event()))
  }

  it('forwards the token with its first block', async () => {
    const { handler } = await runBlock(blockWith('interceptor', 'ts', 'forwardInboundToken'))
    const answer = await (handler as RequestInterceptor)(event())
    expect(headersOf(answer)).toEqual({ 'x-user-token': ada })
  })

  it('fetches an enriched token', async () => {
    const block = blockWith('interceptor', 'ts', 'clientMetadata')
    const { authorization = '' } = await write(block)
    expect(decodeJwt(authorization.slice('Bearer '.length))).toMatchObject({
      client_id: CLIENT_ID,
      scope: 'mcp/invoke',
      onBehalfOf: { sub: 'ada' },
    })
    const inHeader = await write(block.replace('metadata:', "header: 'x-user-token', metadata:"))
    expect(Object.keys(inHeader)).toEqual(['x-user-token'])
    expect(decodeJwt(inHeader['x-user-token'] ?? '')).toHaveProperty('onBehalfOf')
  })

  it('exchanges the token', async () => {
    const forms: URLSearchParams[] = []
    const before = globalThis.fetch
    onTestFinished(() => void vi.stubGlobal('fetch', before))
    vi.stubGlobal('fetch', (url: string | URL, init?: RequestInit) => {
      if (String(url) !== 'https://login.example.com/token') return before(url, init)
      forms.push(init?.body as URLSearchParams)
      return Response.json({ access_token: 'exchanged', token_type: 'Bearer', expires_in: 60 })
    })
    const written = await write(blockWith('interceptor', 'ts', 'tokenExchange'))
    expect(written).toEqual({ authorization: 'Bearer exchanged' })
    expect(Object.fromEntries(forms[0] ?? [])).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: ada,
      resource: 'https://mcp.example.com/mcp',
    })
  })

  it('writes facts', async () => {
    const written = await write(blockWith('interceptor', 'ts', 'const mode = headers'))
    expect(written).toEqual({
      'x-user-id': 'ada',
      'x-tenant-id': 'acme',
      'x-roles': 'member',
      'x-interceptor-proof': interceptorSecret,
    })
    const code = blockWith('interceptor', 'ts', 'sharedSecret').replace(
      '\nplainHeaders(',
      '\nconst source = plainHeaders(',
    )
    const { source } = await runBlock(code, { interceptorSecret }, ['source'])
    const resource = 'https://mcp.example.com/mcp'
    const server = createAuthenticator({ resource, sources: [source as Source] })
    await expect(server.authenticate({ headers: written })).resolves.toMatchObject({
      subject: 'ada',
      organization: { id: 'acme' },
    })
  })
})

function headersOf(answer: unknown): Readonly<Record<string, string>> {
  const { mcp } = answer as {
    mcp: { transformedGatewayRequest: { headers: Readonly<Record<string, string>> } }
  }
  return mcp.transformedGatewayRequest.headers
}

describe('the page of AgentCore Runtime', () => {
  const template = parseTemplate(blockWith('runtime', 'yaml', 'AWS::BedrockAgentCore::Runtime'))
  const runtime = template.Resources['Runtime']?.Properties as {
    readonly RequestHeaderConfiguration: { readonly RequestHeaderAllowlist: readonly string[] }
    readonly EnvironmentVariables: Readonly<Record<string, string>>
  }
  const { RequestHeaderAllowlist: allowed } = runtime.RequestHeaderConfiguration

  it.each(Object.entries(template.Resources))(
    'has no member in %s that does not exist',
    async (_name, it) => {
      expect(await checkResource(it)).toEqual([])
    },
  )

  it('allow-lists what the server reads, as the example says', () => {
    expect(allowed).toEqual(['Authorization', runtimeHeader('User-Token')])
    const readme = readFileSync(
      new URL('../../../../examples/agentcore-runtime/README.md', import.meta.url),
      'utf8',
    )
    expect(readme).toContain(JSON.stringify(allowed).replace(',', ', '))
  })

  it('gives the container settings that it reads', () => {
    const source = ['environment', 'issuers', 'server', 'source'].map((name) =>
      readFileSync(
        new URL(`../../../../examples/agentcore-runtime/src/${name}.ts`, import.meta.url),
        'utf8',
      ),
    )
    const unread = Object.keys(runtime.EnvironmentVariables).filter(
      (it) => !source.join('').includes(`'${it}'`),
    )
    expect(unread).toEqual([])
  })

  describe('behind the gateway', () => {
    let bundles: Bundles
    beforeAll(async () => {
      bundles = await buildFunctions()
    })
    afterAll(() => bundles.close())
    afterEach(() => vi.unstubAllEnvs())

    it('is reached by the first guarded call, through both lists of headers', async () => {
      const UserTokenHeader = runtimeHeader('User-Token')
      const code = blockWith('runtime', 'ts', 'runtimeHeader').replace(
        '\nforwarded(',
        '\nconst source = forwarded(',
      )
      const { source } = await runBlock(code, { people: people(), gateway: gateway() }, ['source'])
      const authenticator = createAuthenticator({
        resource: 'https://mcp.example.com/mcp',
        sources: [source as Source],
      })
      const deployment = fromCloudFormation('header', { UserTokenHeader })
      const stack = await runDeployment(deployment, bundles, async (app, handle) => {
        app.use((req, _res, next) => {
          const passed = [...allowed.map((it) => it.toLowerCase()), 'accept', 'content-type']
          for (const name of Object.keys(req.headers)) {
            if (!passed.includes(name)) delete req.headers[name]
          }
          next()
        })
        app.post('/mcp', authenticate(authenticator), handle)
      })
      onTestFinished(() => stack.close())
      const token = await stack.cognito.signIn('ada')
      expect(await curl(stack, token)).toMatchObject({ subject: 'ada', source: 'forwarded' })
      const bob = await stack.cognito.signIn('bob')
      const header = `${UserTokenHeader}: ${bob}`
      expect(await curl(stack, token, { header })).toMatchObject({ subject: 'ada' })
    })
  })
})

describe('the page of the Application Load Balancer', () => {
  it('accepts an assertion of the load balancer that it names', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keyId = randomUUID()
    const before = globalThis.fetch
    onTestFinished(() => void vi.stubGlobal('fetch', before))
    vi.stubGlobal('fetch', async (url: string | URL) => {
      const found = String(url) === `https://public-keys.auth.elb.${REGION}.amazonaws.com/${keyId}`
      return new globalThis.Response(
        found ? publicKey.export({ type: 'spki', format: 'pem' }) : '',
        {
          status: found ? 200 : 404,
        },
      )
    })
    const code = blockWith('alb', 'ts', 'awsAlb')
    const { behindAlb } = await runBlock(code, {}, ['behindAlb'])
    const member = (name: string): string | undefined =>
      new RegExp(`${name}: \\[?\\s*'([^']+)'`).exec(code)?.[1]
    const [iss, exp] = [member('iss'), Math.floor(Date.now() / 1000) + 60]
    const head = {
      alg: 'ES256',
      kid: keyId,
      signer: member('signers'),
      client: member('clients'),
      iss,
      exp,
    }
    const signed = [head, { sub: 'ada', iss, exp, org_id: 'acme' }].map(padded).join('.')
    const signature = sign('sha256', Buffer.from(signed), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    const assertion = `${signed}.${signature.toString('base64')}`
      .replaceAll('+', '-')
      .replaceAll('/', '_')
    const headers = { 'x-amzn-oidc-data': assertion }
    await expect((behindAlb as Authenticator).authenticate({ headers })).resolves.toMatchObject({
      subject: 'ada',
      organization: { id: 'acme' },
      source: 'signedHeader',
    })
  })
})

function padded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64')
}

it('has a source on its first page for each way', async () => {
  const [code = ''] = blocksOf('README', 'ts')
  const globals = {
    people: people(),
    gateway: gateway(),
    resource: 'https://mcp.example.com/mcp',
    interceptorSecret,
  }
  const { sources } = await runBlock(code, globals, ['sources'])
  const kinds = Object.entries(sources as Record<string, Source>).map(
    ([way, { kind, tokenHeaders }]) => [way, kind, ...tokenHeaders],
  )
  expect(kinds).toEqual([
    ['forwardInboundToken', 'forwarded', 'authorization', 'x-user-token'],
    ['clientMetadata', 'enriched', 'authorization'],
    ['clientMetadataInHeader', 'enriched', 'authorization', 'x-user-token'],
    ['headers', 'plainHeaders'],
  ])
})
