import { assertOptions, type OptionNames } from '../internal/options.ts'
import { secureUrl } from '../internal/safe-url.ts'
import { isText } from '../internal/values.ts'
import type { RequestedResource } from '../resources/resources.ts'

/** What a resource says about sender-constrained tokens (RFC 9728 section 2). */
export interface ConfirmationMetadata {
  readonly dpop_signing_alg_values_supported?: readonly string[]
  readonly dpop_bound_access_tokens_required?: boolean
  readonly tls_client_certificate_bound_access_tokens?: boolean
}

/** What people can read about a resource (RFC 9728 section 2). Addresses are published as written. */
export interface ResourceDescription {
  /** Its name, for a consent screen: `resource_name`. */
  readonly name?: string
  /** What developers read: `resource_documentation`. */
  readonly documentationUrl?: string
  /** How its data may be used: `resource_policy_uri`. */
  readonly policyUrl?: string
  /** Its terms of service: `resource_tos_uri`. */
  readonly termsUrl?: string
}

/** The members of the metadata that a {@link ResourceDescription} becomes. */
export interface DescriptionMetadata {
  readonly resource_name?: string
  readonly resource_documentation?: string
  readonly resource_policy_uri?: string
  readonly resource_tos_uri?: string
}

/** Protected resource metadata (RFC 9728 section 2), as far as it follows from the configuration. */
export interface ProtectedResourceMetadata extends ConfirmationMetadata, DescriptionMetadata {
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

/** What a server with several resources publishes about one of them. */
export function metadataOf(
  metadata: ProtectedResourceMetadata,
  { id, organization }: RequestedResource,
): ProtectedResourceMetadata {
  const { authorization_servers: servers = [], ...rest } = metadata
  const own = servers.flatMap((server) => {
    if (!server.includes(placeholder)) return [server]
    return organization === undefined ? [] : [server.replaceAll(placeholder, organization)]
  })
  return { ...rest, resource: id, ...(own.length > 0 && { authorization_servers: own }) }
}

const placeholder = '{organization}'

const members: OptionNames<ResourceDescription> = {
  name: true,
  documentationUrl: true,
  policyUrl: true,
  termsUrl: true,
}

/**
 * What the metadata says of a description.
 *
 * @throws TypeError for an unknown or undefined member, an empty name and an address without https
 */
export function describeResource(about: ResourceDescription): DescriptionMetadata {
  assertOptions('about', about, members)
  const { name, documentationUrl, policyUrl, termsUrl } = about
  if (name !== undefined && !isText(name)) throw new TypeError('about.name must be a text')
  const addresses = { documentationUrl, policyUrl, termsUrl }
  for (const [option, address] of Object.entries(addresses)) {
    if (address !== undefined) secureUrl(address, `about.${option}`)
  }
  return {
    ...(name !== undefined && { resource_name: name }),
    ...(documentationUrl !== undefined && { resource_documentation: documentationUrl }),
    ...(policyUrl !== undefined && { resource_policy_uri: policyUrl }),
    ...(termsUrl !== undefined && { resource_tos_uri: termsUrl }),
  }
}
