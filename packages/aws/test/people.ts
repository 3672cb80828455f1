import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Issuer, issuer } from '@onbehalf/core'
import { cognito } from '@onbehalf/core/issuers'
import { createTokenMinter, type MintOptions, type TokenMinter } from '@onbehalf/testing'
import { onTestFinished } from 'vitest'

export const WEB = '5webclientid0000example'
const userPoolId = 'eu-central-1_AbCdEf123'
const poolIssuer = `https://cognito-idp.eu-central-1.amazonaws.com/${userPoolId}`

/** Persons of a Cognito user pool, and what signs their tokens. */
export interface People {
  readonly issuer: Issuer
  readonly minter: TokenMinter
  /** A person's access token, as the pool issues it. */
  token(claims?: Record<string, unknown>, options?: MintOptions): Promise<string>
}

export async function createPeople(): Promise<People> {
  const minter = await createTokenMinter({ issuer: poolIssuer })
  return {
    minter,
    issuer: cognito({
      region: 'eu-central-1',
      userPoolId,
      audience: null,
      clients: [WEB],
      keys: { jwks: minter.jwks },
    }),
    token: (claims = {}, options = {}) =>
      minter.mint({ ...jane(), ...claims }, { header: { typ: undefined }, ...options }),
  }
}

function jane(): Record<string, unknown> {
  return {
    sub: '0f2c7c1e-3c1a-4c57-9a55-6c9d4f0a1b2c',
    username: 'jane',
    client_id: WEB,
    token_use: 'access',
    scope: 'openid',
    version: 2,
    'cognito:groups': ['support'],
    org_id: 'acme',
    origin_jti: 'origin',
  }
}

/** An issuer whose key server answers whatever `status` says at that moment, until the test is over. */
export async function remotePeople(
  status: () => number | 'never',
): Promise<{ issuer: Issuer; token: () => Promise<string>; fetches: () => number }> {
  let fetches = 0
  const server = createServer((_req, res) => {
    fetches += 1
    const now = status()
    if (now !== 'never') res.writeHead(now).end(JSON.stringify(minter.jwks))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const name = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const minter = await createTokenMinter({ issuer: name })
  return {
    issuer: issuer({
      iss: name,
      audience: 'agents',
      kind: 'by-client',
      keys: { jwksUri: `${name}/jwks` },
    }),
    token: () => minter.mint({ sub: 'ada', aud: 'agents', client_id: 'app' }),
    fetches: () => fetches,
  }
}
