import type { AuditTrail } from '../audit.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { type CredentialRequest, readHeader } from '../credentials/header-lines.ts'
import { asIdentityError, type IdentityError, withFailure } from '../errors.ts'
import type { RequestedResource } from '../resources/resources.ts'
import type { AnySource } from '../sources/source.ts'

/** The refusal of one request: which of its credentials failed, under its own id. */
export function toRefusal(
  thrown: unknown,
  source: AnySource | undefined,
  resource: RequestedResource | undefined,
): IdentityError {
  const { failure } = asIdentityError(thrown)
  const located =
    source === undefined ? {} : { role: roleOf(source, failure?.header), source: source.kind }
  return withFailure(thrown, located, { requestId: crypto.randomUUID(), resource })
}

/** Beside a user's credential, `Authorization` carries the gateway's own. */
function roleOf({ kind }: AnySource, header: string | undefined): 'user' | 'gateway' {
  const isOwn = kind === 'direct' || kind === 'signedHeader' || kind === 'apiKeys'
  return !isOwn && header === 'authorization' ? 'gateway' : 'user'
}

/**
 * Records a request that is refused before anything of it is read.
 *
 * @returns the error to answer with: another one when this one cannot be recorded
 */
export async function recordRefusal(
  audit: Pick<AuditTrail, 'refusal'> | undefined,
  refused: {
    readonly request: CredentialRequest
    readonly credentials: Credentials | undefined
    readonly error: IdentityError
  },
): Promise<IdentityError> {
  const { request, credentials, error } = refused
  if (audit === undefined) return error
  try {
    await audit.refusal({
      method: request.method === undefined ? 'authenticate' : `HTTP ${request.method}`,
      error,
      resource: error.resource,
      credentialHash: await hashOf(credentials),
      traceparent: readHeader(request, 'traceparent'),
    })
    return error
  } catch (thrown) {
    return withFailure(thrown, error.failure, error)
  }
}

/** Of several tokens, the one that comes with a gateway's own: it speaks of the user. */
function hashOf(credentials: Credentials | undefined): string | Promise<string> | undefined {
  const tokens = [...(credentials?.present ?? [])].flatMap(
    (header) => credentials?.token(header) ?? [],
  )
  const token = tokens.find(({ header }) => header !== 'authorization') ?? tokens[0]
  return token?.hash()
}
