import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { createDownstream, path, tokenExchange } from '@onbehalf/downstream'
import { requireOrg } from '@onbehalf/mcp'
import { createTokenMinter } from '@onbehalf/testing'
import { decodeJwt } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createLoopback, type Loopback, readText, sendJson } from '../support/loopback.ts'
import { type Connect, connectLegacy, connectModern, connectV1 } from './support/clients.ts'
import { authenticator, crowd, type Person } from './support/crowd.ts'
import { serveV1, serveV2 } from './support/shared-servers.ts'
import type { Whose } from './support/whose.ts'

const calls = 2000
const callsEach = calls / crowd.length
const apiResource = 'https://ledger.example.com'
const minter = await createTokenMinter({ issuer: 'https://login.example.com', alg: 'ES256' })

/** A token endpoint that exchanges any token of a user for one for the API. */
async function createExchange(): Promise<Loopback & { readonly subjects: string[] }> {
  const subjects: string[] = []
  const server = await createLoopback(async (req, res) => {
    const form = new URLSearchParams(await readText(req))
    const { sub, org_id: org } = decodeJwt(form.get('subject_token') ?? '')
    subjects.push(String(sub))
    const claims = { sub, org_id: org, aud: apiResource, client_id: 'mcp', act: { sub: 'mcp' } }
    const accessToken = await minter.mint(claims)
    sendJson(res, 200, { access_token: accessToken, token_type: 'Bearer', expires_in: 300 })
  })
  return { ...server, subjects }
}

/** An API that says whom it serves, and who acts for them. */
async function createApi(): Promise<Loopback & { readonly served: string[] }> {
  const served: string[] = []
  const apiAuthenticator = createAuthenticator({
    resource: apiResource,
    sources: [
      direct({
        issuer: issuer({
          iss: minter.issuer,
          audience: apiResource,
          kind: 'by-client',
          algorithms: ['ES256'],
          keys: { jwks: minter.jwks },
        }),
      }),
    ],
  })
  const server = await createLoopback(async (req, res) => {
    const identity = await apiAuthenticator.authenticate(req)
    served.push(identity.subject)
    const { subject, organization, actor } = identity
    sendJson(res, 200, { subject, organization: organization?.id, actor: actor?.subject })
  })
  return { ...server, served }
}

async function createWorld(serve: (whose: Whose) => Promise<URL>) {
  const [exchange, api] = await Promise.all([createExchange(), createApi()])
  onTestFinished(async () => {
    await Promise.all([exchange.close(), api.close()])
  })
  const downstream = createDownstream({
    authenticator,
    apis: {
      ledger: {
        baseUrl: api.url,
        resource: apiResource,
        grant: tokenExchange({
          issuer: minter.issuer,
          tokenEndpoint: exchange.url,
          client: { id: 'mcp', method: 'client_secret_basic', secret: 'secret' },
          timeoutSeconds: 30,
        }),
      },
    },
  })
  const tool: Whose['tool'] = requireOrg(
    { match: ({ orgId }: { orgId: string; nonce: string }) => orgId },
    async ({ nonce }, ctx) => {
      const answer = await downstream.ledger.fetch(ctx, path`/who?nonce=${nonce}`)
      return { content: [{ type: 'text' as const, text: await answer.text() }] }
    },
  )
  return { exchange, api, url: await serve({ tool, most: 0 }) }
}

async function callAs(connect: Connect, url: URL, person: Person): Promise<readonly string[]> {
  const { name, organization, headers } = person
  const client = await connect(url, headers)
  const texts: string[] = []
  for (let call = 0; call < callsEach; call += 1) {
    const { text } = await client.call('whose', { nonce: `${name}/${call}`, orgId: organization })
    texts.push(text)
  }
  await client.close()
  return texts
}

const bothEras = (index: number): Connect => (index % 2 === 0 ? connectModern : connectLegacy)
const ownSession = (): Connect => connectV1

describe.each([
  ['SDK v2', serveV2, bothEras],
  ['SDK v1', serveV1, ownSession],
] as const)('an API that handlers of %s call', (kind, serve, connectAs) => {
  it(`serves ${calls} calls of ${crowd.length} users, each for the caller`, async () => {
    const { exchange, api, url } = await createWorld(serve)
    const found = await Promise.all(
      crowd.map(async (person, index) => {
        const texts = await callAs(connectAs(index), url, person)
        const own = { subject: person.name, organization: person.organization, actor: 'mcp' }
        return texts.filter((text) => text !== JSON.stringify(own))
      }),
    )
    const wrong = found.flat()
    const { length: exchanges } = exchange.subjects
    console.log(
      `${kind}: ${api.served.length} calls, ${exchanges} exchanges, ${wrong.length} mix-ups`,
    )
    expect(wrong).toEqual([])
    expect(api.served).toHaveLength(calls)
    expect(exchanges).toBe(crowd.length)
    expect(new Set(exchange.subjects).size).toBe(crowd.length)
  }, 300_000)

  it('serves kept tokens while the issuer is down, and nothing in their place', async () => {
    const { exchange, api, url } = await createWorld(serve)
    const [known, other] = crowd
    if (known === undefined || other === undefined) throw new Error('nobody is there')
    const ask = async (person: Person): Promise<string> => {
      const client = await connectAs(0)(url, person.headers)
      const { text } = await client.call('whose', { nonce: 'n', orgId: person.organization })
      await client.close()
      return text
    }
    expect(JSON.parse(await ask(known))).toMatchObject({ subject: known.name })
    await exchange.close()
    expect(JSON.parse(await ask(known))).toMatchObject({ subject: known.name })
    expect(await ask(other)).toBe(
      'The API cannot be reached right now (ledger: token_endpoint_unavailable).',
    )
    expect(new Set(api.served)).toEqual(new Set([known.name]))
  }, 120_000)
})
