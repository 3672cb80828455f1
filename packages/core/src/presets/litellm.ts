import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, hostName, ofShape, type PresetOptions } from './preset.ts'

export interface LitellmOptions<C = Claims> extends PresetOptions<C> {
  /** Host of the proxy, for example `litellm.example.com`. */
  readonly domain: string
  /** As configured on the guardrail. Its default, `mcp`, is that of all servers behind the proxy. */
  readonly audience: OneOrMore<string>
}

/**
 * Tokens with which the guardrail `mcp_jwt_signer` of LiteLLM replaces `Authorization` in tool calls.
 * Its `issuer` must be set to the proxy's URL, or set `iss`. A caller without a user is a service:
 * a hashed API key, or the proxy itself. `act` is the team or the organization of the caller.
 *
 * https://docs.litellm.ai/docs/mcp_zero_trust
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function litellm<C = Claims>(options: LitellmOptions<C>): SigningIssuer<C> {
  assertPresetOptions('litellm', options, { domain: 'required' })
  const iss = `https://${hostName(options.domain, 'domain', 'litellm.example.com')}`
  return ofShape(options, { iss, jwksUri: `${iss}/.well-known/jwks.json`, kind: kindOf })
}

function kindOf(claims: Claims): unknown {
  const subject = asText(claims['sub']) ?? ''
  return subject.startsWith('apikey:') || subject === 'litellm-proxy' ? 'service' : 'user'
}
