import type { GatewayHop } from '@onbehalf/testing'

/** Names the tokens that reached a server, by whom they are about: never the tokens themselves. */
export function describeHop(hop: GatewayHop | undefined): string {
  const tokens = Object.entries(hop?.outbound.tokens ?? {})
  return tokens.map(([header, { claims }]) => `${header}: ${describeClaims(claims)}`).join(', ')
}

/** The same for headers that are sent without the gateway. */
export function describeHeaders(headers: Readonly<Record<string, string>>): string {
  const parts = Object.entries(headers).map(([name, value]) => {
    const token = value.replace(/^Bearer /, '')
    return `${name}: ${describeClaims(claimsOf(token))}`
  })
  return parts.join(', ') || 'no credential'
}

function describeClaims(claims: Readonly<Record<string, unknown>>): string {
  const { sub, act, onBehalfOf } = claims as {
    sub?: string
    act?: { sub?: string }
    onBehalfOf?: { sub?: string }
  }
  if (onBehalfOf !== undefined) return `${sub} {onBehalfOf ${onBehalfOf.sub}}`
  return act === undefined ? String(sub) : `${sub} {act ${act.sub}}`
}

function claimsOf(token: string): Record<string, unknown> {
  const payload = token.split('.')[1] ?? ''
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
}
