import type { Algorithm, Claims, Issuer, Source } from '@onbehalf/core'
import { now } from '../../support/world.ts'

/** What a server gives a preset besides the product's own names. */
export interface Given {
  readonly keys?: { readonly jwks: { readonly keys: readonly unknown[] } }
  readonly fetch?: typeof fetch
  readonly iss?: string
}

/** A preset, and tokens in the shapes that its vendor documents. */
export interface Row {
  readonly preset: string
  /** The vendor's page about these tokens. */
  readonly page: string
  readonly algorithm?: Algorithm
  /** Header of a proxy's assertion. Default: `Authorization`. */
  readonly header?: string
  readonly make: (given: Given) => Issuer | Source
  /** Where it gets its keys. */
  readonly keys: string
  /** Accepted tokens, and what a handler sees. */
  readonly user: readonly [Claims, object]
  readonly service?: readonly [Claims, object]
  /** Other documented shapes, for example older ones. */
  readonly others?: readonly (readonly [name: string, Claims, object])[]
  /** An ID token of the same issuer, and the reason that refuses it. */
  readonly idToken: readonly [reason: string, Claims]
  /** A token of another tenant, and the reason. Default: `issuer_unknown`. */
  readonly otherTenant: Claims
  readonly otherTenantReason?: string
  readonly refused?: readonly (readonly [reason: string, Claims])[]
  /** How the table of the docs says it. */
  readonly says: readonly [organization: string, user: string, service: string]
}

export const times = { iat: now - 60, exp: now + 240 }
