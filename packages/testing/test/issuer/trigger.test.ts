import {
  type AccessTokenGeneration,
  type LocalIssuer,
  type PreTokenEvent,
  type PreTokenTrigger,
} from '@onbehalf/testing'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { basic, GATEWAY, MCP, post, refusal, startIssuer } from './fixture.ts'

const running: LocalIssuer[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((issuer) => issuer.close()))
})

async function start(
  preTokenTrigger: PreTokenTrigger,
  onError: (error: unknown) => void = () => {},
): Promise<LocalIssuer> {
  const issuer = await startIssuer({ preTokenTrigger, onError })
  running.push(issuer)
  return issuer
}

function respond(event: PreTokenEvent, generation: AccessTokenGeneration): PreTokenEvent {
  const response = { claimsAndScopeOverrideDetails: { accessTokenGeneration: generation } }
  return { ...event, response }
}

/** Records the events and changes nothing. */
function recorder(): { events: PreTokenEvent[]; trigger: PreTokenTrigger } {
  const events: PreTokenEvent[] = []
  return {
    events,
    trigger: (event) => {
      events.push(event)
      return event
    },
  }
}

/** A trigger that believes a person's token only after verifying it, and names the person. */
function forwardUser(issuerOf: () => LocalIssuer): PreTokenTrigger {
  return async (event) => {
    const token = event.request.clientMetadata?.['onBehalfOfToken']
    if (event.triggerSource !== 'TokenGeneration_ClientCredentials' || !token) return event
    const { issuer, jwksUri } = issuerOf()
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)), {
      issuer,
      audience: GATEWAY,
      typ: 'at+jwt',
    })
    const { sub, org_id, roles: groups } = payload
    return respond(event, { claimsToAddOrOverride: { onBehalfOf: { sub, groups }, org_id } })
  }
}

describe('pre token trigger', () => {
  it('gets the event of a client credentials grant, as Cognito sends it', async () => {
    const { events, trigger } = recorder()
    const issuer = await start(trigger)
    const clientMetadata = { onBehalfOfToken: 'a+b&c=d', callerApp: 'support-chat' }
    await issuer.clientCredentials({ client: 'gateway', scope: 'mcp/invoke', clientMetadata })
    expect(events).toEqual([
      {
        version: '3',
        triggerSource: 'TokenGeneration_ClientCredentials',
        region: 'local',
        userPoolId: 'local_onbehalf',
        callerContext: { awsSdkVersion: 'aws-sdk-unknown-unknown', clientId: 'gateway' },
        request: {
          userAttributes: {},
          groupConfiguration: {
            groupsToOverride: [],
            iamRolesToOverride: [],
            preferredRole: null,
          },
          scopes: ['mcp/invoke'],
          clientMetadata,
        },
        response: { claimsAndScopeOverrideDetails: null },
      },
    ])
  })

  it('gets no metadata when the client sent none', async () => {
    const { events, trigger } = recorder()
    const issuer = await start(trigger)
    await issuer.clientCredentials({ client: 'gateway' })
    expect(events[0]?.request).not.toHaveProperty('clientMetadata')
  })

  it('gets the event of a sign-in, with the person', async () => {
    const { events, trigger } = recorder()
    const issuer = await start(trigger)
    await issuer.signIn({ user: 'ada' })
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      triggerSource: 'TokenGeneration_HostedAuth',
      userName: 'ada',
      callerContext: { clientId: 'app' },
      request: {
        userAttributes: { sub: 'ada', email: 'ada@acme.example', 'custom:org_id': 'acme' },
        groupConfiguration: { groupsToOverride: ['admin', 'member'] },
        scopes: ['gateway/invoke'],
      },
    })
  })

  it('shapes claims and scopes of the machine token', async () => {
    const issuer = await start((event) =>
      respond(event, {
        claimsToAddOrOverride: {
          onBehalfOf: { sub: 'u-1', groups: ['support'] },
          callerApp: 'support-chat',
          dropped: true,
          act: { sub: 'agent' },
        },
        claimsToSuppress: ['dropped'],
        scopesToAdd: ['crm/read', 'crm/none'],
        scopesToSuppress: ['mcp/admin', 'crm/none'],
      }),
    )
    const { accessToken, scope } = await issuer.clientCredentials({ client: 'gateway' })
    expect(decodeJwt(accessToken)).toMatchObject({
      sub: 'gateway',
      client_id: 'gateway',
      aud: MCP,
      scope: 'mcp/invoke crm/read',
      onBehalfOf: { sub: 'u-1', groups: ['support'] },
      callerApp: 'support-chat',
      act: { sub: 'agent' },
    })
    expect(decodeJwt(accessToken)).not.toHaveProperty('dropped')
    expect(scope).toBe('mcp/invoke crm/read')
  })

  it('shapes the access token of a person', async () => {
    const issuer = await start((event) =>
      respond(event, { claimsToAddOrOverride: { org_id: 'other' }, claimsToSuppress: ['roles'] }),
    )
    const { accessToken } = await issuer.signIn({ user: 'ada' })
    expect(decodeJwt(accessToken)).toMatchObject({ sub: 'ada', org_id: 'other' })
    expect(decodeJwt(accessToken)).not.toHaveProperty('roles')
  })

  it('changes nothing when it returns the event untouched', async () => {
    const issuer = await start((event) => event)
    const { accessToken } = await issuer.clientCredentials({ client: 'gateway' })
    expect(Object.keys(decodeJwt(accessToken)).sort()).toEqual(
      ['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'].sort(),
    )
  })

  it('may leave a machine without any scope', async () => {
    const issuer = await start((event) =>
      respond(event, { scopesToSuppress: ['mcp/invoke', 'mcp/admin'] }),
    )
    const { accessToken, scope } = await issuer.clientCredentials({ client: 'gateway' })
    expect(decodeJwt(accessToken)).not.toHaveProperty('scope')
    expect(scope).toBeUndefined()
  })

  it('puts a verified person into the machine token', async () => {
    const issuer: LocalIssuer = await start(forwardUser(() => issuer))
    const { accessToken: onBehalfOfToken } = await issuer.signIn({ user: 'ada' })
    const { accessToken } = await issuer.clientCredentials({
      client: 'gateway',
      clientMetadata: { onBehalfOfToken },
    })
    expect(decodeJwt(accessToken)).toMatchObject({
      sub: 'gateway',
      org_id: 'acme',
      onBehalfOf: { sub: 'ada', groups: ['admin', 'member'] },
    })
  })

  it.each<[string, (issuer: LocalIssuer) => Promise<string>]>([
    ['an ID token', async (issuer) => (await issuer.signIn({ user: 'ada' })).idToken ?? ''],
    [
      'an expired token',
      (issuer) => issuer.minter.mint({ sub: 'ada', aud: GATEWAY }, { expiresInSeconds: -1 }),
    ],
    [
      'an unsigned token',
      (issuer) => issuer.minter.mint({ sub: 'ada', aud: GATEWAY }, { alg: 'none' }),
    ],
    ['a token for another resource', (issuer) => issuer.minter.mint({ sub: 'ada', aud: MCP })],
  ])('issues no token when it throws over %s', async (_case, mint) => {
    const failures: unknown[] = []
    const issuer: LocalIssuer = await start(
      forwardUser(() => issuer),
      (error) => failures.push(error),
    )
    const onBehalfOfToken = await mint(issuer)
    const { status, answer, text } = await post(
      issuer,
      {
        grant_type: 'client_credentials',
        scope: 'mcp/invoke',
        aws_client_metadata: JSON.stringify({ onBehalfOfToken }),
      },
      basic('gateway', 'gateway secret: &+'),
    )
    expect(status).toBe(400)
    expect(answer).toEqual({
      error: 'invalid_request',
      error_description: 'PreTokenGeneration failed with error',
    })
    expect(text).not.toContain(onBehalfOfToken)
    expect(failures).toHaveLength(1)
    expect((failures[0] as Error).cause).toBeInstanceOf(Error)
  })

  it.each([
    ['a list', '["a"]'],
    ['a nested object', '{"a":{"b":"c"}}'],
    ['a number', '{"a":1}'],
    ['null', 'null'],
    ['no JSON', 'a=b'],
  ])('is not asked when aws_client_metadata is %s', async (_case, metadata) => {
    const { events, trigger } = recorder()
    const issuer = await start(trigger)
    const { status, answer } = await post(
      issuer,
      { grant_type: 'client_credentials', aws_client_metadata: metadata },
      basic('gateway', 'gateway secret: &+'),
    )
    expect(status).toBe(400)
    expect(answer).toMatchObject({
      error: 'invalid_request',
      error_description: 'aws_client_metadata must be a JSON object of strings',
    })
    expect(events).toEqual([])
  })

  it('is not asked when aws_client_metadata is given twice', async () => {
    const { events, trigger } = recorder()
    const issuer = await start(trigger)
    const { answer } = await post(
      issuer,
      [
        ['grant_type', 'client_credentials'],
        ['aws_client_metadata', '{}'],
        ['aws_client_metadata', '{"a":"b"}'],
      ],
      basic('gateway', 'gateway secret: &+'),
    )
    expect(answer['error']).toBe('invalid_request')
    expect(events).toEqual([])
  })

  const reserved = [
    'acr',
    'amr',
    'at_hash',
    'aud',
    'auth_time',
    'azp',
    'client_id',
    'cognito:anything',
    'cognito:username',
    'device_key',
    'event_id',
    'exp',
    'iat',
    'identities',
    'iss',
    'jti',
    'nbf',
    'nonce',
    'origin_jti',
    'scope',
    'sub',
    'token_use',
    'version',
  ]

  it.each(reserved)('may not write the reserved claim %s', async (claim) => {
    const issuer = await start((event) =>
      respond(event, { claimsToAddOrOverride: { [claim]: 'x' } }),
    )
    await expect(issuer.clientCredentials({ client: 'gateway' })).rejects.toMatchObject({
      status: 400,
      ...refusal('invalid_request', 'the trigger changes a reserved claim'),
    })
  })

  it.each(reserved)('may not suppress the reserved claim %s', async (claim) => {
    const issuer = await start((event) => respond(event, { claimsToSuppress: [claim] }))
    await expect(issuer.clientCredentials({ client: 'gateway' })).rejects.toMatchObject(
      refusal('invalid_request', 'the trigger changes a reserved claim'),
    )
  })

  it.each(['cognito:groups', 'cognito:roles', 'cognito:preferred_role'])(
    'may write %s',
    async (claim) => {
      const issuer = await start((event) =>
        respond(event, { claimsToAddOrOverride: { [claim]: ['a'] } }),
      )
      const { accessToken } = await issuer.clientCredentials({ client: 'gateway' })
      expect(decodeJwt(accessToken)[claim]).toEqual(['a'])
    },
  )

  it('may not name the client as audience besides the resource', async () => {
    const issuer = await start((event) =>
      respond(event, { claimsToAddOrOverride: { aud: event.callerContext.clientId } }),
    )
    await expect(issuer.clientCredentials({ client: 'gateway' })).rejects.toMatchObject(
      refusal('invalid_request', 'the trigger changes a reserved claim'),
    )
  })

  it('may not answer with what is not JSON', async () => {
    const issuer = await start((event) => {
      const circle: Record<string, unknown> = {}
      circle['self'] = circle
      return respond(event, { claimsToAddOrOverride: { circle } })
    })
    await expect(issuer.clientCredentials({ client: 'gateway' })).rejects.toMatchObject({
      status: 400,
      ...refusal('invalid_request', 'PreTokenGeneration failed with error'),
    })
  })

  it('may not add a scope with a space', async () => {
    const issuer = await start((event) => respond(event, { scopesToAdd: ['mcp/a mcp/b'] }))
    await expect(issuer.clientCredentials({ client: 'gateway' })).rejects.toMatchObject(
      refusal('invalid_request', 'the trigger names a scope that is none'),
    )
  })

  it('may not ask for more than 5000 claims and scopes', async () => {
    const scopesOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `s/${i}`)
    const issuer = await start((event) =>
      respond(event, {
        scopesToSuppress: scopesOf(event.request.scopes.length === 1 ? 5000 : 5001),
      }),
    )
    await expect(
      issuer.clientCredentials({ client: 'gateway', scope: 'mcp/invoke' }),
    ).resolves.toBeDefined()
    await expect(issuer.clientCredentials({ client: 'gateway' })).rejects.toMatchObject(
      refusal('invalid_request', 'the trigger asks for too many changes'),
    )
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no response', {}],
    ['claims that are a list', { claimsToAddOrOverride: ['a'] }],
    ['a name instead of names', { claimsToSuppress: 'a' }],
    ['scopes that are numbers', { scopesToAdd: [1] }],
  ])('refuses the token when it answers with %s', async (_case, generation) => {
    const isAnswer = typeof generation === 'object' && generation !== null
    const answer =
      isAnswer && Object.keys(generation).length > 0
        ? { response: { claimsAndScopeOverrideDetails: { accessTokenGeneration: generation } } }
        : generation
    const issuer = await start((() => answer) as PreTokenTrigger)
    await expect(issuer.clientCredentials({ client: 'gateway' })).rejects.toMatchObject({
      status: 400,
      ...refusal('invalid_request', 'PreTokenGeneration failed with error'),
    })
  })
})
