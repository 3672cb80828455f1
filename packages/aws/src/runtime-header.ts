const prefix = 'X-Amzn-Bedrock-AgentCore-Runtime-Custom-'
const longest = 256

/**
 * The full name of a header that Amazon Bedrock AgentCore Runtime passes to a container. It also has to
 * be in the runtime's `requestHeaderAllowlist`; values above 4 KB are dropped.
 *
 * Such a header carries whatever the caller sent: read it with `forwarded` or `plainHeaders`, beside a
 * credential. `X-Amzn-Bedrock-AgentCore-Runtime-User-Id` is the caller's word, not an identity.
 *
 * @throws TypeError if the runtime would not accept the name
 */
export function runtimeHeader(name: string): string {
  const full = `${prefix}${name}`
  // Without an underscore, although the runtime accepts one: proxies and servers confuse it with a hyphen.
  const valid = typeof name === 'string' && /^[A-Za-z0-9][A-Za-z0-9-]*$/.test(name)
  if (!valid || full.length > longest) throw new TypeError('name is not a valid header name')
  return full
}
