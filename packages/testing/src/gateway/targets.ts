import { type CredentialContext, createOutbound, type Outbound } from './credentials.ts'
import { toAllowedHeaders } from './headers.ts'
import type { LocalTarget, TargetCredential } from './options.ts'

/** A target that was checked. */
export interface Target {
  readonly name: string
  readonly endpoint: URL
  readonly type: NonNullable<LocalTarget['type']>
  /** In lower case. */
  readonly allowedHeaders: ReadonlySet<string>
  readonly outbound: Outbound
  /** Whether an interceptor may write `Authorization`: the gateway does not have its own credential for it. */
  readonly takesAuthorization: boolean
}

const MAX_CUSTOM_PARAMETERS = 10
// The pattern of `CreateGatewayTarget.name`.
const targetName = /^(?:[0-9a-zA-Z]-?){1,100}$/

/**
 * The targets by name.
 *
 * @throws TypeError naming the option that is wrong.
 */
export function toTargets(
  targets: readonly LocalTarget[],
  context: CredentialContext,
): ReadonlyMap<string, Target> {
  const byName = new Map(targets.map((target) => [target.name, toTarget(target, context)]))
  if (byName.size !== targets.length) throw new TypeError('"targets" has a name twice')
  return byName
}

function toTarget(target: LocalTarget, context: CredentialContext): Target {
  const { name, endpoint, credential, metadataConfiguration, type = 'mcpServer' } = target
  if (type !== 'mcpServer' && type !== 'httpPassthrough') {
    throw new TypeError('"type" must be mcpServer or httpPassthrough')
  }
  if (!targetName.test(name)) throw new TypeError('"name" has other than letters, digits, hyphens')
  const allowedHeaders = toAllowedHeaders(metadataConfiguration?.allowedRequestHeaders)
  assertCredential(credential, allowedHeaders)
  return {
    name,
    type,
    endpoint: toHttpUrl(endpoint, 'endpoint'),
    allowedHeaders,
    outbound: createOutbound(credential, context),
    takesAuthorization: credential.type === 'none',
  }
}

// Nothing that a URL parser or the target could read as another path.
const passedPath = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/

/** Where a request below a target's name goes; undefined for a path that the target does not have. */
export function endpointOf({ type, endpoint }: Target, path: string): URL | undefined {
  if (type === 'mcpServer') return path === '/mcp' ? endpoint : undefined
  if (!passedPath.test(path)) return undefined
  return new URL(endpoint.href.replace(/\/$/, '') + path)
}

function assertCredential(credential: TargetCredential, allowed: ReadonlySet<string>): void {
  if (credential.type === 'passthrough' || credential.type === 'none') return
  toHttpUrl(credential.provider.tokenEndpoint, 'tokenEndpoint')
  if (Object.keys(credential.customParameters ?? {}).length > MAX_CUSTOM_PARAMETERS) {
    throw new TypeError(`"customParameters" takes at most ${MAX_CUSTOM_PARAMETERS}`)
  }
  if (credential.type === 'clientCredentials') assertForwarded(credential, allowed)
}

// AgentCore Gateway drops a header that an interceptor returns and the target does not allow.
function assertForwarded(
  { forwardInboundToken }: Extract<TargetCredential, { type: 'clientCredentials' }>,
  allowed: ReadonlySet<string>,
): void {
  if (forwardInboundToken && !allowed.has(forwardInboundToken.header.toLowerCase())) {
    throw new TypeError('"forwardInboundToken" needs its header in "allowedRequestHeaders"')
  }
}

function toHttpUrl(text: string, option: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new TypeError(`"${option}" must be an http or https URL`)
}
