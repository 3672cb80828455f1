import type { FetchReason } from '../reasons.ts'

/** A document that could not be fetched or used; `reason` names the rule in snake_case. */
export class FetchError extends Error {
  readonly reason: FetchReason
  /** The address that was asked, without its query. */
  url: string | undefined
  constructor(reason: FetchReason, cause?: unknown) {
    super(`The document was refused: ${reason}`, { cause })
    this.name = 'FetchError'
    this.reason = reason
  }
}

/** Says of whatever fails in `work` which address was asked. */
export async function asking<T>(url: URL, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FetchError) error.url ??= withoutQuery(url)
    throw error
  }
}

/** An address as operators may see it: a query may hold a secret. */
export function withoutQuery({ origin, pathname }: URL): string {
  return `${origin}${pathname}`
}

const dnsCode = /^(?:ENOTFOUND|EAI_)/
const tlsCode =
  /^(?:CERT_|CRL_|ERR_TLS_|ERR_SSL_|EPROTO|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH)/
const timeoutCode = /^(?:ETIMEDOUT|UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT)/

/** Why there was no answer, by the code that the runtime gives to the error or to its causes. */
export function reasonOf(thrown: unknown): 'dns' | 'tls' | 'timeout' | 'unreachable' {
  let error = thrown
  for (let depth = 0; depth < 4 && error instanceof Error; depth += 1) {
    const code = String((error as { code?: unknown }).code)
    if (dnsCode.test(code)) return 'dns'
    if (tlsCode.test(code)) return 'tls'
    if (timeoutCode.test(code)) return 'timeout'
    error = error.cause
  }
  return 'unreachable'
}
