import { createPublicKey, hash, type JsonWebKey, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { type CacheLimits, createAuthenticator, direct, forwarded, issuer } from '@onbehalf/core'
import { JwtVerifier } from 'aws-jwt-verify'
import { createVerifier } from 'fast-jwt'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { type Fixture, gatewayClient, issuerName, resource } from './fixture.ts'

/** Verifies one token; what waits for nothing returns no promise. */
export type Verify = (token: string) => unknown
type Create = (fixture: Fixture) => Verify | Promise<Verify>

// A third of the tokens: each comes as if for the first time, and makes room for itself.
const smallCache: CacheLimits = { entries: 1_000, bytes: 100_000_000 }

const digests = { RS256: 'sha256', ES256: 'sha256', EdDSA: null } as const

/** The signature alone, of bytes that were decoded before. */
function rawVerify({ algorithm, jwk, tokens }: Fixture): Verify {
  const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  const input = algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : key
  const parts = new Map(
    tokens.map((token) => {
      const dot = token.lastIndexOf('.')
      const signature = Buffer.from(token.slice(dot + 1), 'base64url')
      return [token, [Buffer.from(token.slice(0, dot)), signature] as const]
    }),
  )
  return (token) => {
    const [data, signature] = parts.get(token) ?? [Buffer.of(), Buffer.of()]
    if (!verify(digests[algorithm], data, input, signature)) throw new Error('signature')
  }
}

function digestAndMap({ tokens }: Fixture): Verify {
  const known = new Map(tokens.map((token) => [hash('sha256', token, 'base64url'), { token }]))
  return (token) => known.get(hash('sha256', token, 'base64url'))
}

function fastJwt({ algorithm, pem }: Fixture, cache: boolean): Verify {
  return createVerifier({
    key: pem,
    algorithms: [algorithm],
    allowedIss: issuerName,
    allowedAud: resource,
    cache,
  }) as Verify
}

function awsJwtVerify({ jwk }: Fixture): Verify {
  const verifier = JwtVerifier.create({ issuer: issuerName, audience: resource })
  verifier.cacheJwks({ keys: [jwk] } as Parameters<typeof verifier.cacheJwks>[0])
  return (token) => verifier.verifySync(token)
}

function jose({ algorithm, jwk }: Fixture): Verify {
  const keys = createLocalJWKSet({ keys: [jwk] })
  const rules = { issuer: issuerName, audience: resource, algorithms: [algorithm], typ: 'at+jwt' }
  return (token) => jwtVerify(token, keys, rules)
}

type Middleware = (req: never, res: never, next: (error?: unknown) => void) => unknown

/** Express middleware, with as little of Express as it asks for. */
function asVerify(middleware: Middleware): Verify {
  return (token) =>
    new Promise<void>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, host: 'mcp.example.com' }
      const req = {
        headers,
        query: {},
        method: 'POST',
        protocol: 'https',
        host: headers.host,
        originalUrl: '/mcp',
        get: () => headers.host,
        is: () => false,
      }
      const refuse = (): never => {
        throw new Error('refused')
      }
      const res = { set: refuse, status: refuse }
      const next = (error?: unknown) => (error === undefined ? resolve() : reject(error as Error))
      void middleware(req as never, res as never, next)
    })
}

function sdkMiddleware(fixture: Fixture): Verify {
  const verifyToken = jose(fixture)
  const verifyAccessToken = async (token: string) => {
    const { payload } = (await verifyToken(token)) as { payload: { exp: number } }
    return { token, clientId: gatewayClient, scopes: [], expiresAt: payload.exp, extra: payload }
  }
  return asVerify(requireBearerAuth({ verifier: { verifyAccessToken } }) as Middleware)
}

// Its types would change those of Express everywhere.
const { auth } = createRequire(import.meta.url)('express-oauth2-jwt-bearer') as {
  readonly auth: (options: object) => Middleware
}

/** It takes keys from an address only. */
async function auth0Middleware({ algorithm, jwk }: Fixture): Promise<Verify> {
  const server = createServer((_, res) => res.end(JSON.stringify({ keys: [jwk] })))
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const options = {
    issuer: issuerName,
    audience: resource,
    jwksUri: `http://127.0.0.1:${port}/`,
    tokenSigningAlg: algorithm,
  }
  return asVerify(auth(options))
}

function createIssuer({ algorithm, jwk }: Fixture) {
  return issuer({
    iss: issuerName,
    audience: resource,
    kind: 'by-client',
    algorithms: [algorithm],
    keys: { jwks: { keys: [jwk] } },
    clients: gatewayClient,
  })
}

function onbehalf(fixture: Fixture, cache?: CacheLimits): Verify {
  const sources = [direct({ issuer: createIssuer(fixture) })]
  const authenticator = createAuthenticator({ resource, sources, ...(cache && { cache }) })
  return (token) => authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })
}

function onbehalfForwarded(fixture: Fixture): Verify {
  const people = createIssuer(fixture)
  const sources = [
    forwarded({ header: 'x-user-token', issuer: people, gateway: people, bind: 'client' }),
  ]
  const authenticator = createAuthenticator({ resource, sources })
  const authorization = `Bearer ${fixture.gatewayToken}`
  return (token) =>
    authenticator.authenticate({ headers: { authorization, 'x-user-token': token } })
}

/** Tokens that come for the first time. */
export const newTokens: Readonly<Record<string, Create>> = {
  'node:crypto verify (limit)': rawVerify,
  'fast-jwt, no cache': (fixture) => fastJwt(fixture, false),
  'aws-jwt-verify, synchronous': awsJwtVerify,
  'jose jwtVerify': jose,
  'requireBearerAuth of the MCP SDK, jose': sdkMiddleware,
  'express-oauth2-jwt-bearer': auth0Middleware,
  Onbehalf: (fixture) => onbehalf(fixture, smallCache),
}

/** Tokens that came before. */
export const knownTokens: Readonly<Record<string, Create>> = {
  'crypto.hash and a map (limit)': digestAndMap,
  'fast-jwt, cached': (fixture) => fastJwt(fixture, true),
  'jose jwtVerify': jose,
  Onbehalf: (fixture) => onbehalf(fixture),
  'Onbehalf, forwarded: two tokens': onbehalfForwarded,
}
