import { inspect } from 'node:util'
import { createRefusal, IdentityError, type IdentityErrorCode } from '@onbehalf/core'
import { expect } from 'vitest'

/** Status and message of each code, written out so that no code of ours decides them. */
const fixed: Readonly<Record<IdentityErrorCode, readonly [status: number, message: string]>> = {
  MISSING: [401, 'Authentication required'],
  REQ: [400, 'The request carries malformed or ambiguous credentials'],
  TOK: [401, 'The access token was refused'],
  SCOPE: [403, 'The access token lacks a required scope'],
  BIND: [401, 'The access token was refused'],
  DOWN: [503, 'The request cannot be served right now'],
  AUDIT: [503, 'The call cannot be recorded'],
  SESS: [404, 'Not found'],
  LIMIT: [429, 'Too many requests'],
}

export interface Refused {
  readonly code: IdentityErrorCode
  readonly reason: string
}

/**
 * Expects an attempt to be refused: code, reason, status, exact message, and nothing of the secrets
 * (tokens, header values, claims) in anything that the error or the answer made of it can show.
 */
export async function expectRefused(
  attempt: () => unknown,
  expected: Refused,
  ...secrets: readonly string[]
): Promise<void> {
  const error = await thrownBy(attempt)
  expect(error).toBeInstanceOf(IdentityError)
  const { code, reason, status, message, name } = error as IdentityError
  expect({ code, reason, name }).toEqual({ ...expected, name: 'IdentityError' })
  expect([status, message]).toEqual(fixed[expected.code])
  expectNothingOf(secrets, error)
}

/** What an attempt throws or rejects with. */
export async function thrownBy(attempt: () => unknown): Promise<unknown> {
  try {
    await attempt()
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}

/** No piece of a secret, 8 characters or longer, stands in the error, its causes or its answer. */
function expectNothingOf(secrets: readonly string[], error: unknown): void {
  const context = {
    resourceMetadataUrl: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
    metadata: { resource: '', authorization_servers: [], bearer_methods_supported: ['header'] },
  } as const
  const shown = [
    inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
    JSON.stringify(error),
    JSON.stringify(createRefusal(error, context)),
  ].join('\n')
  const pieces = secrets.flatMap((secret) => secret.split(/[\s.,]+/))
  for (const piece of pieces) if (piece.length >= 8) expect(shown).not.toContain(piece)
}
