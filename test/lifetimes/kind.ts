import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { createKey } from '../security/support/keys.ts'
import { audience, issuerName, now, resource } from '../security/support/names.ts'
import { mint } from '../security/support/token.ts'
import type { Census } from './census.ts'

/** Something that callers open and close over and over. */
export interface Kind {
  readonly name: string
  /** Starts what outlives the rounds, such as a server that listens. */
  start(census: Census): Promise<Rounds>
}

export interface Rounds {
  /** Opens, uses and closes one. */
  readonly round: (number: number) => Promise<void>
  readonly close?: () => Promise<void>
}

const key = createKey('ES256')
const keys = { jwks: { keys: [key.jwk] } }

const clock = (): number => now

const authenticator = createAuthenticator({
  resource,
  clock,
  sources: [
    direct({
      issuer: issuer({ iss: issuerName, audience, kind: 'by-client', algorithms: ['ES256'], keys }),
    }),
  ],
})

/** An hour lasts longer than any run: what waits for its end would be found. */
export const token = mint(key, { claims: { exp: now + 3600 } })
export const settings = { authenticator, clock } as const

export const headers = {
  authorization: `Bearer ${token}`,
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
}

export const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {} },
    clientInfo: { name: 'lifetimes', version: '1' },
  },
}

/** Fails a round that was not answered as it should be: what never opened leaves nothing behind. */
export function assertSame(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)}`)
}
