const prefix = 'X-Amzn-Bedrock-AgentCore-Runtime-Custom-'
const longest = 256

/**
 * The full name of a header that Amazon Bedrock AgentCore Runtime hands to a container. It also has to
 * stand in the runtime's `requestHeaderAllowlist`; values above 4 KB are dropped.
 *
 * What comes in such a header is what the caller sent: read it with `forwarded` or `plainHeaders`, beside a
 * credential. `X-Amzn-Bedrock-AgentCore-Runtime-User-Id` names whom the caller says, and no identity.
 *
 * @throws TypeError when the runtime would not take the name
 */
export function runtimeHeader(name: string): string {
  const full = `${prefix}${name}`
  // Without an underscore, although the runtime takes one: proxies and servers confuse it with a hyphen.
  const valid = typeof name === 'string' && /^[A-Za-z0-9][A-Za-z0-9-]*$/.test(name)
  if (!valid || full.length > longest) throw new TypeError('name is no name of a header')
  return full
}
