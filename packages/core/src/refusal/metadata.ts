/** What a resource says about sender-constrained tokens (RFC 9728 section 2). */
export interface ConfirmationMetadata {
  readonly dpop_signing_alg_values_supported?: readonly string[]
  readonly dpop_bound_access_tokens_required?: boolean
  readonly tls_client_certificate_bound_access_tokens?: boolean
}

/** Protected resource metadata (RFC 9728 section 2), as far as it follows from the configuration. */
export interface ProtectedResourceMetadata extends ConfirmationMetadata {
  readonly resource: string
  /** Absent when no source reads `Authorization`: a list is never empty (section 3.2). */
  readonly authorization_servers?: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
}

/** Where a resource publishes its metadata: the well-known path goes before the resource's own. */
export function resourceMetadataUrl(resource: string): string {
  const url = new URL(resource)
  // RFC 9728 section 3.1: a trailing slash of a bare host is dropped.
  const path = url.pathname === '/' ? '' : url.pathname
  return `${url.origin}/.well-known/oauth-protected-resource${path}${url.search}`
}
