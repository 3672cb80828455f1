import type { PreTokenTrigger } from './pre-token-event.ts'

/** An organization a user belongs to. */
export interface LocalOrganization {
  readonly id: string
  readonly name?: string
  /** Roles of the user in this organization. */
  readonly roles?: readonly string[]
}

/** A user who can sign in. There are no passwords. */
export interface LocalUser {
  /** `sub`, and the name to sign in with. */
  readonly id: string
  readonly name?: string
  readonly email?: string
  /** `roles`; in the Cognito profile `cognito:groups`. */
  readonly roles?: readonly string[]
  /** The organization the user acts in: `org_id` and `org_name`. */
  readonly organization?: Omit<LocalOrganization, 'roles'>
  /** All organizations of the user: `organizations`, as given here. */
  readonly organizations?: readonly LocalOrganization[]
  /** Authentication contexts (`acrs` of Entra) that the user has signed in with. Default none. */
  readonly authenticationContexts?: readonly string[]
  /** Further claims of the access token, over all but the registered ones: another issuer's claim shapes. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** A resource server that tokens are for (RFC 8707). */
export interface LocalResource {
  /** Absolute URI without fragment: the `resource` parameter and the `aud` of its tokens. */
  readonly uri: string
  readonly scopes?: readonly string[]
}

/** An OAuth client: an application, an agent or a gateway. */
export interface LocalClient {
  /** `client_id`. */
  readonly id: string
  /** `client_secret`. Without one the client is public: it signs people in and can do nothing else. */
  readonly secret?: string
  /** URIs of the resources it may have tokens for, other than by exchange. Default all. */
  readonly resources?: readonly string[]
  /** Scopes it may ask for. Default all of the resource. */
  readonly scopes?: readonly string[]
  /** Default `http://127.0.0.1/callback`. Any port of a loopback address fits (RFC 8252 section 7.3). */
  readonly redirectUris?: readonly string[]
  /**
   * Lets the client exchange its users' tokens (RFC 8693; the on-behalf-of flow of Microsoft Entra).
   * Default it may not.
   */
  readonly exchange?: LocalExchange
  /**
   * Authorization servers for which the client may have identity assertions of its users (ID-JAG), by
   * their issuer. It needs `exchange` too. Default none.
   */
  readonly assertions?: readonly string[]
}

/** Whose tokens a client may exchange, and for what. */
export interface LocalExchange {
  /** URIs of resources: the subject token must be for one of them. Usually the client's own. */
  readonly from: readonly string[]
  /** URIs of resources the new token may be for. */
  readonly to: readonly string[]
  /** Ids of the users who consented; others are refused with `consent_required`. Default all. */
  readonly consented?: readonly string[]
}

/**
 * Whose habits the tokens have: `standard` is RFC 9068 with one audience; `cognito` is an Amazon Cognito
 * user pool, whose access tokens have no `aud` and no `typ`, and which knows neither resource indicators
 * nor token exchange.
 */
export type LocalIssuerProfile = 'standard' | 'cognito'

/** Options of `createLocalIssuer`. */
export interface LocalIssuerOptions {
  readonly users: readonly LocalUser[]
  /** The first one is the default of `signIn`. */
  readonly clients: readonly LocalClient[]
  readonly resources: readonly LocalResource[]
  /** Default `standard`. */
  readonly profile?: LocalIssuerProfile
  /** Shapes every access token, as a Cognito pre token generation trigger (V3) does. Default none. */
  readonly preTokenTrigger?: PreTokenTrigger
  /** Local issuers whose identity assertions (ID-JAG) are taken for users of the same id. Default none. */
  readonly trustedIssuers?: readonly string[]
  /** Signature algorithm. Default `RS256`. */
  readonly alg?: 'RS256' | 'ES256'
  /** Lifetime of access and ID tokens. Default 300. */
  readonly accessTokenSeconds?: number
  /** Port on 127.0.0.1. Default any free one. */
  readonly port?: number
  /** Gets every failure with its cause, such as what a trigger threw. Never sent to the client. */
  readonly onError?: (error: unknown) => void
}
