import { inspect } from 'node:util'
import type { IdentityErrorCode } from '@onbehalf/core'
import { expect } from 'vitest'
import type { Answer, Lines } from './http.ts'
import { resourceMetadataUrl } from './names.ts'
import type { ProtectedServer } from './server.ts'

/** What a refused caller gets, byte for byte. Written out, so that no code of ours decides it. */
export const refusals: Readonly<Record<'MISSING' | 'REQ' | 'TOK' | 'BIND' | 'DOWN', Answer>> = {
  MISSING: {
    status: 401,
    headers: withChallenge(`Bearer resource_metadata="${resourceMetadataUrl}"`),
    body: '{"jsonrpc":"2.0","id":null,"error":{"code":31401,"message":"Authentication required"}}',
  },
  REQ: oauth(400, 'invalid_request', 'The request carries malformed or ambiguous credentials'),
  TOK: oauth(401, 'invalid_token', 'The access token was refused'),
  BIND: oauth(401, 'invalid_token', 'The access token was refused'),
  DOWN: {
    status: 503,
    headers: [...always(), ['retry-after', '1']],
    body: '{"jsonrpc":"2.0","id":null,"error":{"code":31503,"message":"The request cannot be served right now"}}',
  },
}

export interface ExpectedRefusal {
  readonly code: keyof typeof refusals & IdentityErrorCode
  readonly reason: string
}

/**
 * Sends a call and expects exactly this refusal: status, headers and body to the byte, the handler
 * not reached, the reason told to the operator, and nothing of the credentials in any of it.
 */
export async function expectRefused(
  server: ProtectedServer,
  lines: Lines,
  expected: ExpectedRefusal,
  target?: string,
): Promise<void> {
  const handled = server.handled.length
  const answer = await server.send(lines, target)
  const { code, reason } = expected
  const requestId = expect.any(String) as string
  expect(server.events.at(-1)).toMatchObject({ type: 'refused', code, reason, requestId })
  expect(answer).toEqual(refusals[code])
  expect(server.handled).toHaveLength(handled)
  expectNothingOf(lines, [answer, server.events.at(-1), server.thrown.at(-1)])
  await expectStillServing(server)
}

/** The refusal had its own cause: a good call passes before and after. */
async function expectStillServing(server: ProtectedServer): Promise<void> {
  if (server.good === undefined) return
  expect(await server.send(server.good)).toMatchObject({ status: 200 })
}

export async function expectAccepted(server: ProtectedServer, lines: Lines): Promise<void> {
  const handled = server.handled.length
  expect(await server.send(lines)).toMatchObject({ status: 200 })
  expect(server.handled).toHaveLength(handled + 1)
}

/** No piece of a credential, 12 characters or longer, may be found. */
function expectNothingOf(lines: Lines, places: readonly unknown[]): void {
  const text = places.map((place) => inspect(place, { depth: Number.POSITIVE_INFINITY })).join('\n')
  for (const [, value] of lines) {
    for (const piece of value.split(/[\s.,]+/)) {
      if (piece.length >= 12) expect(text).not.toContain(piece)
    }
  }
}

function oauth(status: number, error: string, text: string): Answer {
  const challenge = `Bearer error="${error}", error_description="${text}", resource_metadata="${resourceMetadataUrl}"`
  return {
    status,
    headers: withChallenge(challenge),
    body: `{"error":"${error}","error_description":"${text}"}`,
  }
}

function withChallenge(challenge: string): Lines {
  return [...always(), ['www-authenticate', challenge]]
}

function always(): Lines {
  return [
    ['content-type', 'application/json'],
    ['cache-control', 'no-store'],
  ]
}
