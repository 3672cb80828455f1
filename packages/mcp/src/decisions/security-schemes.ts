import type { Policy } from '../handlers/policy.ts'
import type { Protection } from '../protection.ts'
import { isRecord } from '../wire/json-rpc.ts'

type Tool = Readonly<Record<string, unknown>>

/** How a tool is called, in the words of the OpenAI Apps SDK. */
type SecurityScheme =
  | { readonly type: 'noauth' }
  | { readonly type: 'oauth2'; readonly scopes: readonly string[] }

/**
 * A listed tool that says what it asks of callers, as ChatGPT reads it before it offers to sign in:
 * `securitySchemes`, and the same in `_meta` (OpenAI Apps SDK, reference of the tool descriptor). A
 * tool that says so itself stays as it is, and so does one that asks for no more than any other.
 */
export function withSecuritySchemes(
  tool: Tool,
  policy: Policy | undefined,
  protection: Protection,
): Tool {
  const meta = isRecord(tool['_meta']) ? tool['_meta'] : {}
  if ('securitySchemes' in tool || 'securitySchemes' in meta) return tool
  const securitySchemes = schemesOf(policy, protection)
  if (securitySchemes === undefined) return tool
  return { ...tool, securitySchemes, _meta: { ...meta, securitySchemes } }
}

function schemesOf(
  policy: Policy | undefined,
  { authenticator, acceptsGuests, hidesRefused }: Protection,
): readonly SecurityScheme[] | undefined {
  if (hidesRefused) return undefined
  const scopes = policy === 'public' ? [] : (policy?.scopes ?? [])
  if (scopes.length === 0 && !acceptsGuests) return undefined
  if (policy === 'public') return [{ type: 'noauth' }]
  return [{ type: 'oauth2', scopes: [...new Set([...(authenticator?.scopes ?? []), ...scopes])] }]
}
