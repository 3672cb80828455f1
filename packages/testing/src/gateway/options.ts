import type { Authenticator } from '@onbehalf/core'
import type { GatewayHop } from './hop.ts'
import type { RequestInterceptor } from './interceptor.ts'

/**
 * The gateway as OAuth client of an authorization server, whichever that is: what an OAuth2 credential
 * provider of AgentCore Identity holds. The client authenticates by HTTP Basic (`CLIENT_SECRET_BASIC`).
 */
export interface OAuthProvider {
  /** Of a local issuer: `issuer.tokenEndpoint`. */
  readonly tokenEndpoint: string
  readonly clientId: string
  readonly clientSecret: string
}

interface OAuthCredential {
  /** `oauthCredentialProvider.providerArn`. */
  readonly provider: OAuthProvider
  /** `oauthCredentialProvider.scopes`. Default: none is asked for, and the issuer decides. */
  readonly scopes?: readonly string[]
  /** `oauthCredentialProvider.customParameters`: at most 10, the same for every caller. */
  readonly customParameters?: Readonly<Record<string, string>>
}

/** `OAUTH` with `grantType: CLIENT_CREDENTIALS`: the target gets a machine token. */
export interface ClientCredentialsCredential extends OAuthCredential {
  readonly type: 'clientCredentials'
  /** `resource` of the token request (RFC 8707). Default: not sent; Cognito does not know it. */
  readonly resource?: string
  /**
   * Puts the caller's own token into a header beside the machine token, over whatever the caller sent
   * there. The header has to be in `allowedRequestHeaders`. AgentCore Gateway does this by a REQUEST
   * interceptor that returns the header.
   */
  readonly forwardInboundToken?: { readonly header: string }
  /**
   * Asks for one machine token per caller, with `aws_client_metadata` that carries the caller's token as
   * `onBehalfOfToken`: a pre token generation trigger can name the user in it. AgentCore Gateway's
   * `customParameters` are static, so there an agent or a REQUEST interceptor asks for that token.
   */
  readonly awsClientMetadata?: {
    /** `callerApp`: the application that calls, by its own word. Default: not sent. */
    readonly callerApp?: string
  }
}

/**
 * `OAUTH` with `grantType: TOKEN_EXCHANGE`: the target gets a token of the caller for itself (RFC 8693),
 * with no `actor_token` (`actorTokenContent: NONE`). The gateway's own calls use a machine token.
 */
export interface TokenExchangeCredential extends OAuthCredential {
  readonly type: 'tokenExchange'
  /** `resource` of the token request: the identifier of the target. */
  readonly resource: string
}

/** `JWT_PASSTHROUGH`: the target gets the caller's token unchanged. AgentCore has it for `http` targets only. */
export interface PassthroughCredential {
  readonly type: 'passthrough'
}

/**
 * No `credentialProviderConfigurations`: the target gets the `Authorization` that the interceptor returns, or
 * none.
 */
export interface NoCredential {
  readonly type: 'none'
}

/** How the gateway authenticates to a target: one of `credentialProviderConfigurations`. */
export type TargetCredential =
  | ClientCredentialsCredential
  | TokenExchangeCredential
  | PassthroughCredential
  | NoCredential

/** An MCP server behind the gateway, as `CreateGatewayTarget` describes it. */
export interface LocalTarget {
  /** `name`: letters, digits and single hyphens, at most 100 characters. First segment of its path. */
  readonly name: string
  /**
   * `mcpServer` (default): callers use `/{name}/mcp`. `httpPassthrough` is `targetConfiguration.http.passthrough`
   * with `protocolType: MCP`: callers use `/{name}/{path}`, the path is added to that of `endpoint`, and no
   * tools are listed.
   */
  readonly type?: 'mcpServer' | 'httpPassthrough'
  /** `endpoint` of `mcp.mcpServer` or `http.passthrough`: URL of the MCP server; `http` is possible here. */
  readonly endpoint: string
  /** `credentialProviderConfigurations[0]`. */
  readonly credential: TargetCredential
  readonly metadataConfiguration?: {
    /**
     * `metadataConfiguration.allowedRequestHeaders`: 1 to 10 names of at most 100 characters. What a
     * caller sends in them reaches the target, unless the gateway overwrites it. Default: none.
     */
    readonly allowedRequestHeaders?: readonly string[]
  }
}

/** Options of `createLocalGateway`. */
export interface LocalGatewayOptions {
  /**
   * Who may call (`customJWTAuthorizer`): usually one with the source `direct`. Callers that shall follow
   * its challenges need a `resource` on this gateway: state `port`, and `http://127.0.0.1:<port>`.
   */
  readonly authenticator: Authenticator<unknown>
  readonly targets: readonly LocalTarget[]
  /**
   * `interceptorConfigurations` with one REQUEST interceptor and `passRequestHeaders: true`: the handler of its
   * Lambda function. It sees every request to any target. Bodies are read as a whole then. Default: none.
   */
  readonly interceptor?: RequestInterceptor
  /** Port on 127.0.0.1. Default any free one. */
  readonly port?: number
  /** Called with what reached the gateway and what the target, when the target starts to answer. */
  readonly onHop?: (hop: GatewayHop) => void
  /** Gets every failure with its cause. Never sent to the caller. */
  readonly onError?: (error: unknown) => void
  /** Seconds since 1970, for the expiry of cached tokens. Default the system clock. */
  readonly clock?: () => number
}
