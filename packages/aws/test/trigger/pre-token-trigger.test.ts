import { inspect } from 'node:util'
import {
  type PreTokenGenerationEvent,
  type PreTokenTriggerOptions,
  preTokenTrigger,
  type TriggerEvent,
  TriggerRefusal,
} from '@onbehalf/aws'
import { createAuthenticator, enriched, type Identity } from '@onbehalf/core'
import { cognito } from '@onbehalf/core/issuers'
import { createTokenMinter, mintToken } from '@onbehalf/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createPeople, type People, remotePeople, WEB } from '../people.ts'
import {
  GATEWAY,
  machineEvent,
  signInEvent,
  signInSources,
  variants,
  withMetadata,
} from './cognito-events.ts'

let people: People
beforeAll(async () => {
  people = await createPeople()
})

interface Started {
  readonly handle: (event: unknown) => Promise<PreTokenGenerationEvent>
  readonly events: TriggerEvent[]
}

function start<C>(options: Partial<PreTokenTriggerOptions<C>> = {}): Started {
  const events: TriggerEvent[] = []
  const trigger = preTokenTrigger<C>({
    vouchers: { [GATEWAY]: people.issuer },
    withoutUser: 'refuse',
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { events, handle: (event) => trigger(event as PreTokenGenerationEvent) }
}

/** What the trigger adds to the access token. */
async function claimsFor<C>(
  token: string,
  options: Partial<PreTokenTriggerOptions<C>> = {},
): Promise<Record<string, unknown>> {
  const { response } = await start(options).handle(machineEvent({ onBehalfOfToken: token }))
  const details = response as {
    claimsAndScopeOverrideDetails: {
      accessTokenGeneration: { claimsToAddOrOverride: Record<string, unknown> }
    }
  }
  return details.claimsAndScopeOverrideDetails.accessTokenGeneration.claimsToAddOrOverride
}

/** The refusal, after a look for the token in all that was thrown and reported. */
async function refusal(
  event: unknown,
  options: Partial<PreTokenTriggerOptions<unknown>> = {},
): Promise<Pick<TriggerRefusal, 'reason' | 'detail' | 'message'>> {
  const { handle, events } = start(options)
  const thrown: unknown = await handle(event).then(
    () => expect.unreachable('a token was issued'),
    (error: unknown) => error,
  )
  if (!(thrown instanceof TriggerRefusal)) throw thrown
  const { reason, detail, message } = thrown
  expect(events.at(-1)).toMatchObject({ type: 'token_request_refused', reason })
  const { onBehalfOfToken } = (event as PreTokenGenerationEvent).request?.clientMetadata ?? {}
  const parts = String(onBehalfOfToken)
    .split('.')
    .filter((part) => part.length > 9)
  const said = inspect([thrown, events], { depth: 9 })
  expect(parts.filter((part) => said.includes(part))).toEqual([])
  return { reason, detail, message }
}

describe('preTokenTrigger', () => {
  it('adds the user to the access token, and who acts for them', async () => {
    const claims = await claimsFor(await people.token({ sid: 'session-1' }))
    expect(claims).toEqual({
      onBehalfOf: {
        sub: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
        iss: people.minter.issuer,
        organization: { id: 'acme', roles: ['support'] },
        roles: ['support'],
        act: { sub: GATEWAY },
        jti: expect.any(String) as unknown,
        sid: 'session-1',
        iat: expect.any(Number) as unknown,
      },
    })
  })

  it('answers with the whole event, and changes nothing but the access token', async () => {
    const event = machineEvent({ onBehalfOfToken: await people.token(), callerApp: 'support-chat' })
    const { response, ...rest } = await start().handle(event)
    const { response: _before, ...sent } = event
    expect(rest).toEqual(sent)
    expect(response).toEqual({
      claimsAndScopeOverrideDetails: {
        accessTokenGeneration: {
          claimsToAddOrOverride: { onBehalfOf: expect.any(Object) as unknown },
          claimsToSuppress: [],
          scopesToAdd: [],
          scopesToSuppress: [],
        },
      },
    })
  })

  it.each(Object.entries(variants))('understands the event %s', async (_name, change) => {
    const event = change(machineEvent({ onBehalfOfToken: await people.token() }))
    const { response } = await start().handle(event)
    expect(JSON.stringify(response)).toContain('"sub":"0f2c7c1e')
  })

  it.each(
    signInSources.flatMap((source) => ['1', '2', '3'].map((version) => [source, version] as const)),
  )('lets %s of version %s pass untouched', async (source, version) => {
    const event = signInEvent(source, version)
    const { handle, events } = start()
    expect(await handle(event)).toBe(event)
    expect(events).toEqual([])
  })

  it('keeps the actors of a token that was delegated before, behind the gateway', async () => {
    const act = { sub: 'agent', iss: 'https://agents.example.com', act: { sub: 'earlier' } }
    const { onBehalfOf } = await claimsFor(await people.token({ act }))
    expect(onBehalfOf).toMatchObject({ act: { sub: GATEWAY, act } })
  })

  it('lists several organizations, when the token names no current one', async () => {
    const token = await people.token({ org_id: ['acme', 'globex'] })
    const { onBehalfOf } = await claimsFor(token)
    expect(onBehalfOf).toMatchObject({
      organization: [
        { id: 'acme', roles: [] },
        { id: 'globex', roles: [] },
      ],
    })
  })
})

describe('a server with the source enriched', () => {
  it('reads what the trigger wrote, down to the actors', async () => {
    const identity = await readBy({ act: { sub: 'agent' } })
    expect(identity).toMatchObject({
      kind: 'user',
      subject: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
      issuer: people.minter.issuer,
      organization: { id: 'acme', roles: ['support'] },
      roles: ['support'],
      actor: { subject: GATEWAY, actor: { subject: 'agent' } },
      gateway: { client: GATEWAY },
    })
  })

  it('refuses the enriched token when the user is revoked after signing in', async () => {
    const { authenticator, token } = await enrichedToken({})
    const { issuer, subject } = await authenticator.authenticate(bearer(token))
    await authenticator.revoke({ issuer, subject })
    await expect(authenticator.authenticate(bearer(token))).rejects.toMatchObject({ code: 'TOK' })
  })

  async function readBy(claims: Record<string, unknown>): Promise<Identity> {
    const { authenticator, token } = await enrichedToken(claims)
    return authenticator.authenticate(bearer(token))
  }

  async function enrichedToken(claims: Record<string, unknown>) {
    const minter = await createTokenMinter({ issuer: poolOfMachines.issuer })
    const machine = { sub: GATEWAY, client_id: GATEWAY, token_use: 'access', version: 2 }
    const added = await claimsFor(await people.token(claims))
    const token = await minter.mint({ ...machine, ...added }, { header: { typ: undefined } })
    const { issuer: _name, ...pool } = poolOfMachines
    const issuer = cognito({
      ...pool,
      audience: null,
      clients: [GATEWAY],
      keys: { jwks: minter.jwks },
    })
    const sources = [enriched({ issuer, userClaim: 'onBehalfOf' })]
    const resource = 'https://mcp.example.com/mcp'
    return { authenticator: createAuthenticator({ resource, sources }), token }
  }
})

const poolOfMachines = {
  region: 'eu-central-1',
  userPoolId: 'eu-central-1_Machines1',
  issuer: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Machines1',
}

function bearer(token: string): { headers: { authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } }
}

describe('a token request is refused', () => {
  const refused = { reason: 'user_token_refused', message: 'The user token was refused' }

  it.each([
    ['that is expired', 'expired', () => people.token({}, { expiresInSeconds: -60 })],
    ['that never expires', 'exp_missing', () => people.token({}, { expiresInSeconds: null })],
    ['of another app client', 'client', () => people.token({ client_id: 'another' })],
    ['that is an ID token', 'token_type', () => people.token({ token_use: 'id', aud: WEB })],
    [
      'of a foreign issuer',
      'issuer_unknown',
      async () => (await mintToken({ sub: 'jane', username: 'jane', client_id: WEB })).token,
    ],
    [
      'that another party signed in the name of the issuer',
      'key_unknown',
      async () => (await createPeople()).token(),
    ],
    ['that is altered', 'signature', async () => forge(await people.token())],
    ['without a signature', 'malformed_algorithm', () => people.token({}, { alg: 'none' })],
    ['whose actors are malformed', 'bad_act', () => people.token({ act: 'agent' })],
    ['that is not a JWT', 'opaque_token', async () => 'jane'],
    [
      'with a second one behind a comma',
      'duplicate_header',
      async () => `${await people.token()},x`,
    ],
  ])('with a user token %s', async (_name, detail, token) => {
    const event = machineEvent({ onBehalfOfToken: await token() })
    expect(await refusal(event)).toEqual({ ...refused, detail })
  })

  it('with a user token for another audience', async () => {
    const { issuer, token } = await remotePeople(() => 200)
    const options = { vouchers: { [GATEWAY]: issuer } }
    const good = machineEvent({ onBehalfOfToken: await token() })
    await expect(start(options).handle(good)).resolves.toBeDefined()
    const minter = await createTokenMinter({ issuer: issuer.issuers[0] ?? '' })
    const other = await minter.mint({ sub: 'ada', aud: 'another server' })
    expect(await refusal(machineEvent({ onBehalfOfToken: other }), options)).toEqual({
      ...refused,
      detail: 'audience',
    })
  })

  it('with the token of a service', async () => {
    const token = await people.token({ sub: WEB, username: undefined })
    expect(await refusal(machineEvent({ onBehalfOfToken: token }))).toMatchObject({
      reason: 'not_a_user',
      message: 'The user token does not name a user',
    })
  })

  it('from a client that may not vouch, and from one that may not for this issuer', async () => {
    const event = machineEvent({ onBehalfOfToken: await people.token() })
    expect(await refusal(event, { vouchers: { another: people.issuer } })).toMatchObject({
      reason: 'client_may_not_vouch',
    })
    const { issuer } = await remotePeople(() => 200)
    const vouchers = { another: people.issuer, [GATEWAY]: issuer }
    expect(await refusal(event, { vouchers })).toMatchObject({
      reason: 'user_token_refused',
      detail: 'issuer_unknown',
    })
  })

  it('with metadata that is too large or malformed', async () => {
    const onBehalfOfToken = await people.token()
    const large = machineEvent({ onBehalfOfToken, more: 'x'.repeat(20_480) })
    expect(await refusal(large)).toMatchObject({ reason: 'metadata_too_large' })
    const long = machineEvent({ onBehalfOfToken: await people.token({ x: 'x'.repeat(13_000) }) })
    expect(await refusal(long)).toMatchObject({
      reason: 'user_token_refused',
      detail: 'malformed_size',
    })
    for (const clientMetadata of [[], 'text', { onBehalfOfToken: 1 }, { onBehalfOfToken: {} }]) {
      expect(await refusal(withMetadata(clientMetadata))).toMatchObject({
        reason: 'metadata_malformed',
      })
    }
  })

  it('with an event of another version or shape', async () => {
    const event = machineEvent({ onBehalfOfToken: await people.token() })
    const others = [
      { ...event, version: '4' },
      { ...event, version: undefined },
      { ...event, callerContext: {} },
      { ...event, callerContext: undefined },
      { ...event, callerContext: { clientId: '' } },
    ]
    for (const other of others) {
      expect(await refusal(other)).toMatchObject({ reason: 'event_unknown' })
    }
  })

  it('for more actors than a server reads', async () => {
    const chain = (depth: number): object =>
      depth === 1 ? { sub: 'first' } : { sub: `${depth}`, act: chain(depth - 1) }
    const long = machineEvent({ onBehalfOfToken: await people.token({ act: chain(8) }) })
    expect(await refusal(long)).toMatchObject({ reason: 'claim_refused', detail: 'actors' })
    await expect(claimsFor(await people.token({ act: chain(7) }))).resolves.toBeDefined()
  })

  it('for a claim that is too large', async () => {
    const groups = Array.from({ length: 200 }, (_, n) => `a-rather-long-group-${n}`)
    const event = machineEvent({
      onBehalfOfToken: await people.token({ 'cognito:groups': groups }),
    })
    expect(await refusal(event)).toMatchObject({ reason: 'claim_too_large' })
  })
})

describe('without a user token', () => {
  const none = [undefined, null, {}, { onBehalfOfToken: '' }, { callerApp: 'support-chat' }]

  it.each(none)('refuses, when a user is required: %j', async (metadata) => {
    expect(await refusal(withMetadata(metadata))).toMatchObject({
      reason: 'user_token_missing',
      message: 'A user token is required',
    })
  })

  it.each(none)('lets a machine token be issued as it is, when that is allowed: %j', async (m) => {
    const { handle, events } = start({ withoutUser: 'machine-only' })
    const event = withMetadata(m)
    expect(await handle(event)).toBe(event)
    expect(events).toEqual([{ type: 'service', client: GATEWAY }])
  })

  it('leaves the tokens of other clients alone', async () => {
    const event = machineEvent()
    expect(await start({ vouchers: { another: people.issuer } }).handle(event)).toBe(event)
  })
})

describe('the mapping', () => {
  const person = z.object({ sub: z.string(), department: z.enum(['sales', 'support']) })

  it('adds what the schema of the server asks for', async () => {
    const token = await people.token({ department: 'sales' })
    const { onBehalfOf } = await claimsFor(token, {
      schema: person,
      map: ({ claims }) => ({ department: claims['department'] as 'sales' }),
    })
    expect(onBehalfOf).toMatchObject({ department: 'sales' })
  })

  it('issues no claim that the server would refuse', async () => {
    const token = await people.token({ department: 'kitchen' })
    const options: Partial<PreTokenTriggerOptions<unknown>> = {
      schema: person,
      map: ({ claims }) => ({ department: claims['department'] }),
    }
    expect(await refusal(machineEvent({ onBehalfOfToken: token }), options)).toMatchObject({
      reason: 'claim_refused',
      detail: 'schema',
      message: 'The claim was refused',
    })
  })

  it.each([
    'sub',
    'iss',
    'issuer',
    'subject',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'sid',
    'act',
    'may_act',
    'cnf',
    'azp',
    'client',
    'client_id',
    'scope',
    'scp',
    'roles',
    'groups',
    'kind',
    'organization',
    'organizations',
    'original_sub',
    'org_id',
    'org_name',
    'token_use',
    'cognito:groups',
  ])('cannot say who the user is: it refuses "%s"', async (name) => {
    const token = await people.token({ org_id: undefined, chosen: 'victim-corp' })
    const map = ({ claims }: Identity): object => ({ department: 'x', [name]: claims['chosen'] })
    expect(await refusal(machineEvent({ onBehalfOfToken: token }), { map })).toMatchObject({
      reason: 'claim_refused',
      detail: `map_${name}`,
    })
  })

  it.each<[string, string, () => unknown]>([
    ['all claims of the token', 'map_sub', () => ({ sub: 'x', x: 1 })],
    ['a member that says so only as JSON', 'map_roles', () => ({ toJSON: () => ({ roles: [] }) })],
    ['a promise', 'async', () => Promise.resolve({ department: 'x' })],
    ['a promise that fails', 'async', () => Promise.reject(new Error('directory is down'))],
    ['text', 'map', () => 'abc'],
    ['a list', 'map', () => [1]],
    ['nothing', 'map', () => undefined],
  ])('refuses a map that returns %s', async (_name, detail, map) => {
    const event = machineEvent({ onBehalfOfToken: await people.token() })
    expect(await refusal(event, { map: map as () => object })).toMatchObject({
      reason: 'claim_refused',
      detail,
    })
  })

  it('may name what it leaves undefined, and what decides nothing', async () => {
    const map = (): object => ({ organization: undefined, Organization: 'x', department: 'y' })
    const { onBehalfOf } = await claimsFor(await people.token(), { map })
    expect(onBehalfOf).toMatchObject({
      organization: { id: 'acme' },
      Organization: 'x',
      department: 'y',
    })
  })

  it('waits for no flat claim', async () => {
    const flat = { department: () => Promise.reject(new Error('directory is down')) }
    const event = machineEvent({ onBehalfOfToken: await people.token() })
    expect(await refusal(event, { flat })).toMatchObject({ detail: 'async' })
  })

  it('writes flat claims beside it', async () => {
    const claims = await claimsFor(await people.token(), {
      userClaim: 'person',
      flat: { org_id: ({ organization }) => organization?.id, missing: () => undefined },
    })
    expect(Object.keys(claims)).toEqual(['person', 'org_id'])
    expect(claims['org_id']).toBe('acme')
  })

  it('keeps to itself what a function of its own throws', async () => {
    const map = (): object => {
      throw new Error('secret of jane')
    }
    const event = machineEvent({ onBehalfOfToken: await people.token() })
    const { handle, events } = start({ map })
    const thrown: unknown = await handle(event).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ reason: 'unavailable', detail: 'internal' })
    expect(inspect([thrown, events])).not.toContain('secret of jane')
  })

  it('is of the type that the schema says', () => {
    const vouchers = { [GATEWAY]: people.issuer }
    const options = { vouchers, withoutUser: 'refuse', schema: person } as const
    const triggers = [
      preTokenTrigger({ ...options, map: (_person) => ({ department: 'sales' as const }) }),
      // @ts-expect-error not one of the departments
      preTokenTrigger({ ...options, map: (_person) => ({ department: 'kitchen' }) }),
      // @ts-expect-error no department
      preTokenTrigger({ ...options, map: (_person) => ({}) }),
    ]
    expect(triggers).toHaveLength(3)
  })
})

describe('a request id', () => {
  it('is reported with what happened', async () => {
    const events: TriggerEvent[] = []
    const trigger = preTokenTrigger({
      vouchers: { [GATEWAY]: people.issuer },
      withoutUser: 'refuse',
      onEvent: (event) => events.push(event),
    })
    const context = { awsRequestId: '6bc28136-xmpl-4365-b021-0ce6b2e64ab0' }
    const requestId = context.awsRequestId
    await trigger(machineEvent({ onBehalfOfToken: await people.token() }), context)
    await trigger(machineEvent(), context).catch(() => undefined)
    expect(events).toEqual([
      { type: 'accepted', source: 'direct' },
      { type: 'user', client: GATEWAY, requestId },
      { type: 'token_request_refused', client: GATEWAY, reason: 'user_token_missing', requestId },
    ])
  })
})

describe('keys', () => {
  it('are loaded by ready, before the first event', async () => {
    const { issuer, token, fetches } = await remotePeople(() => 200)
    const trigger = preTokenTrigger({ vouchers: { [GATEWAY]: issuer }, withoutUser: 'refuse' })
    await trigger.ready()
    expect(fetches()).toBe(1)
    await trigger(machineEvent({ onBehalfOfToken: await token() }))
    expect(fetches()).toBe(1)
  })

  it('that are out of reach neither end the start nor keep users from signing in', async () => {
    const { issuer, token } = await remotePeople(() => 500)
    const trigger = preTokenTrigger({ vouchers: { [GATEWAY]: issuer }, withoutUser: 'refuse' })
    await trigger.ready()
    const signIn = signInEvent('TokenGeneration_HostedAuth')
    expect(await trigger(signIn)).toBe(signIn)
    await expect(trigger(machineEvent({ onBehalfOfToken: await token() }))).rejects.toMatchObject({
      reason: 'unavailable',
      message: 'The user token cannot be verified now',
    })
  })

  it('that never come are not waited for until Cognito gives up', async () => {
    const { issuer, token } = await remotePeople(() => 'never')
    const options = { vouchers: { [GATEWAY]: issuer }, timeoutSeconds: 0.2 }
    const event = machineEvent({ onBehalfOfToken: await token() })
    expect(await refusal(event, options)).toMatchObject({ reason: 'unavailable' })
  })
})

describe('construction', () => {
  it.each([
    'sub',
    'iss',
    'aud',
    'azp',
    'client_id',
    'token_use',
    'scope',
    'exp',
    'iat',
    'nbf',
    'jti',
    'origin_jti',
    'nonce',
    'version',
    'auth_time',
    'acr',
    'amr',
    'at_hash',
    'device_key',
    'event_id',
    'identities',
    'cognito:username',
    'cognito:groups',
    'act',
    'cnf',
    'scp',
    '',
    '__proto__',
  ])('refuses the claim "%s"', (claim) => {
    expect(() => start({ userClaim: claim })).toThrow(TypeError)
    const flat = Object.fromEntries([[claim, () => 'x']])
    expect(() => start({ flat })).toThrow(TypeError)
  })

  it.each<[string, object]>([
    ['vouchers must name at least one client', { vouchers: {} }],
    ['vouchers must not be undefined', { vouchers: undefined }],
    ['"claim" is not an option of preTokenTrigger', { claim: 'person' }],
    ['"voucher" is not an option of preTokenTrigger; did you mean "vouchers"?', { voucher: {} }],
    ['schema must be a Standard Schema', { schema: {} }],
    ['map must be a function', { map: {} }],
    ['flat: "x" needs a function', { flat: { x: 'y' } }],
    ['issuer is required', { vouchers: { [GATEWAY]: undefined } }],
    ['sources must not be empty', { vouchers: { [GATEWAY]: [] } }],
    ["withoutUser must be 'refuse' or 'machine-only'", { withoutUser: 'x' }],
    ['withoutUser must not be undefined', { withoutUser: undefined }],
    ['timeoutSeconds must be above 0 and at most 4.9', { timeoutSeconds: 5 }],
    ['maxClaimBytes must be above 0 and at most 16384', { maxClaimBytes: Number.NaN }],
    ['flat must not name the userClaim', { flat: { onBehalfOf: () => 'x' } }],
  ])('says what is wrong: %s', (message, options) => {
    expect(() => start(options)).toThrow(new TypeError(message))
  })
})

function forge(token: string): string {
  const [header, payload = '', signature] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
  const other = Buffer.from(JSON.stringify({ ...claims, org_id: 'globex' })).toString('base64url')
  return [header, other, signature].join('.')
}
