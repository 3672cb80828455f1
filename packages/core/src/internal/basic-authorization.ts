/**
 * The `Authorization` header of HTTP Basic for an OAuth client: both parts are form-encoded before
 * they are joined (RFC 6749 section 2.3.1).
 */
export function basicAuthorization(clientId: string, clientSecret: string): string {
  return `Basic ${btoa(`${formEncode(clientId)}:${formEncode(clientSecret)}`)}`
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
