import {
  type EnrichedOptions,
  enriched,
  type ForwardedOptions,
  forwarded,
  type Identity,
  type IssuerOptions,
  issuer,
  type PlainHeaderNames,
  plainHeaders,
  sharedSecret,
} from '@onbehalf/core'
import type { Lines } from './http.ts'
import { createKey } from './keys.ts'
import { audience } from './names.ts'
import { type ProtectedServer, startServer } from './server.ts'
import { type Changes, type MintChanges, mint } from './token.ts'

/** Two issuers: one of persons, one of machines. Each with a key of its own. */
export const peopleName = 'https://people.example'
export const gatewayName = 'https://gateway.example'
const peopleKey = createKey('ES256', 'people-1')
const gatewayKey = createKey('ES256', 'gateway-1')

const common = { audience, kind: 'by-client', algorithms: ['ES256'] } as const

/** Who issues persons' tokens. */
export function peopleIssuer(options: Partial<IssuerOptions<unknown>> = {}) {
  const keys = { jwks: { keys: [peopleKey.jwk] } }
  return issuer({ ...common, kind: 'user', iss: peopleName, keys, ...options })
}

/** Who issues machines' tokens: two gateways, of which each may forward, and another service. */
export function gatewayIssuer(options: Partial<IssuerOptions<unknown>> = {}) {
  const keys = { jwks: { keys: [gatewayKey.jwk] } }
  const clients = ['gateway-a', 'gateway-b']
  return issuer({ ...common, iss: gatewayName, keys, clients, ...options })
}

/** A person's token, issued to gateway A, which also acts for the person. */
export function personToken(claims: Changes = {}, changes: MintChanges = {}): string {
  const act = { sub: 'gateway-a', iss: gatewayName }
  const sound = { iss: peopleName, sub: 'ada', client_id: 'gateway-a', act }
  return mint(peopleKey, { ...changes, claims: { ...sound, ...claims } })
}

/** The token with which a machine calls: gateway A. */
export function machineToken(claims: Changes = {}, changes: MintChanges = {}): string {
  const client = claims['client_id'] ?? 'gateway-a'
  const sound = { iss: gatewayName, sub: client, client_id: client }
  return mint(gatewayKey, { ...changes, claims: { ...sound, ...claims } })
}

export const userHeader = 'x-user-token'

/** A call as gateway A makes it, or one that departs from it. */
export function call(parts: { machine?: string; person?: string }): Lines {
  const { machine, person } = parts
  return [
    ...(machine === undefined ? [] : [['authorization', `Bearer ${machine}`] as const]),
    ...(person === undefined ? [] : [[userHeader, person] as const]),
  ]
}

export const goodCall = (): Lines => call({ machine: machineToken(), person: personToken() })

export function startForwarded(
  options: Partial<ForwardedOptions<unknown>> = {},
  good: Lines = goodCall(),
): Promise<ProtectedServer> {
  const source = forwarded({
    header: userHeader,
    issuer: peopleIssuer(),
    gateway: gatewayIssuer(),
    bind: ['audience', 'client', 'actor'],
    ...options,
  })
  return startServer({ sources: [source], good })
}

export function startEnriched(
  options: Partial<EnrichedOptions<unknown>>,
): Promise<ProtectedServer> {
  const issuerOfMachines = gatewayIssuer({ clients: ['gateway-a', 'reporting'] })
  const source = enriched({ issuer: issuerOfMachines, clients: 'gateway-a', ...options })
  return startServer({ sources: [source] })
}

export const gatewaySecret = 'correct-horse-battery-staple-0123456789'

export const plainHeaderNames: PlainHeaderNames = { subject: 'x-user', organization: 'x-org' }

export function startPlainHeaders(): Promise<ProtectedServer> {
  const proof = sharedSecret({ header: 'x-gateway-secret', secret: gatewaySecret })
  const source = plainHeaders({ headers: plainHeaderNames, iss: gatewayName, proof })
  return startServer({ sources: [source], good: assertion(gatewaySecret) })
}

export function assertion(secret: string | undefined): Lines {
  return [
    ['x-user', 'ada'],
    ['x-org', 'acme'],
    ...(secret === undefined ? [] : [['x-gateway-secret', secret] as const]),
  ]
}

/** What tells one caller from another. */
export function whoIs(identity: Identity<unknown> | undefined): object {
  const { kind, issuer: name, subject, client, gateway, source } = identity ?? {}
  return { kind, issuer: name, subject, client, gateway: gateway?.client, source }
}
