import type { LocalIssuer, PreTokenTrigger } from '@onbehalf/testing'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { basic, MCP, post, refusal, startIssuer, verify } from './fixture.ts'

const running: LocalIssuer[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((issuer) => issuer.close()))
})

async function start(preTokenTrigger?: PreTokenTrigger): Promise<LocalIssuer> {
  const issuer = await startIssuer({
    profile: 'cognito',
    alg: 'RS256',
    ...(preTokenTrigger && { preTokenTrigger }),
  })
  running.push(issuer)
  return issuer
}

describe('profile cognito', () => {
  it('issues machine tokens without audience and type', async () => {
    const issuer = await start()
    const { accessToken } = await issuer.clientCredentials({
      client: 'gateway',
      scope: 'mcp/invoke',
    })
    const { payload, protectedHeader } = await verify(issuer, accessToken)
    expect(protectedHeader).toEqual({ alg: 'RS256', kid: issuer.minter.kid })
    expect(payload).toEqual({
      iss: issuer.issuer,
      sub: 'gateway',
      client_id: 'gateway',
      token_use: 'access',
      scope: 'mcp/invoke',
      version: 2,
      auth_time: payload.iat,
      iat: expect.any(Number) as unknown,
      exp: (payload.iat ?? 0) + 300,
      jti: expect.any(String) as unknown,
    })
  })

  it('issues access tokens of people by user name and groups, without organization', async () => {
    const issuer = await start()
    const { accessToken } = await issuer.signIn({ user: 'ada', client: 'app' })
    const { payload, protectedHeader } = await verify(issuer, accessToken)
    expect(protectedHeader.typ).toBeUndefined()
    expect(payload).toMatchObject({
      sub: 'ada',
      username: 'ada',
      client_id: 'app',
      token_use: 'access',
      version: 2,
      'cognito:groups': ['admin', 'member'],
      origin_jti: expect.any(String) as unknown,
    })
    expect(payload).not.toHaveProperty('aud')
    expect(payload).not.toHaveProperty('org_id')
  })

  it('issues ID tokens for the client, marked as such', async () => {
    const issuer = await start()
    const { idToken = '' } = await issuer.signIn({ user: 'ada' })
    const { payload } = await verify(issuer, idToken, { audience: 'app' })
    expect(payload).toMatchObject({
      token_use: 'id',
      'cognito:username': 'ada',
      'custom:org_id': 'acme',
      email: 'ada@acme.example',
    })
    expect(payload).not.toHaveProperty('client_id')
  })

  it('lets a trigger enrich the machine token', async () => {
    const issuer = await start((event) => {
      const accessTokenGeneration = {
        claimsToAddOrOverride: { onBehalfOf: { sub: 'ada' }, org_id: 'acme' },
        scopesToAdd: ['crm/read'],
      }
      return { ...event, response: { claimsAndScopeOverrideDetails: { accessTokenGeneration } } }
    })
    const { accessToken } = await issuer.clientCredentials({
      client: 'gateway',
      scope: 'mcp/invoke',
    })
    expect(decodeJwt(accessToken)).toMatchObject({
      sub: 'gateway',
      onBehalfOf: { sub: 'ada' },
      org_id: 'acme',
      scope: 'mcp/invoke crm/read',
    })
    expect(decodeJwt(accessToken)).not.toHaveProperty('aud')
  })

  it('lets a trigger add the client itself as audience, and nothing else', async () => {
    const withAudience =
      (audience: string): PreTokenTrigger =>
      (event) => {
        const accessTokenGeneration = { claimsToAddOrOverride: { aud: audience } }
        return { ...event, response: { claimsAndScopeOverrideDetails: { accessTokenGeneration } } }
      }
    const issuer = await start(withAudience('gateway'))
    const { accessToken } = await issuer.clientCredentials({ client: 'gateway' })
    expect(decodeJwt(accessToken).aud).toBe('gateway')

    const other = await start(withAudience(MCP))
    await expect(other.clientCredentials({ client: 'gateway' })).rejects.toMatchObject(
      refusal('invalid_request', 'the trigger changes a reserved claim'),
    )
  })

  it('issues no token when the trigger throws', async () => {
    const issuer = await start(() => {
      throw new Error('no such person')
    })
    await expect(issuer.clientCredentials({ client: 'gateway' })).rejects.toMatchObject({
      status: 400,
      ...refusal('invalid_request', 'PreTokenGeneration failed with error'),
    })
  })

  it('knows no token exchange', async () => {
    const issuer = await start()
    const { accessToken } = await issuer.signIn({ user: 'ada' })
    const exchange = issuer.exchange({
      client: 'gateway',
      subjectToken: accessToken,
      resource: MCP,
    })
    await expect(exchange).rejects.toMatchObject(refusal('unsupported_grant_type'))
  })

  it('knows no resource indicators', async () => {
    const issuer = await start()
    const { answer } = await post(
      issuer,
      { grant_type: 'client_credentials', resource: MCP },
      basic('gateway', 'gateway secret: &+'),
    )
    expect(answer['error']).toBe('invalid_target')
  })

  it('keeps its own type and audience rules after a key rotation', async () => {
    const issuer = await start()
    await issuer.rotateKeys()
    const { accessToken } = await issuer.clientCredentials({ client: 'gateway' })
    expect(decodeProtectedHeader(accessToken)).toEqual({ alg: 'RS256', kid: issuer.minter.kid })
    await expect(verify(issuer, accessToken)).resolves.toBeDefined()
  })
})
