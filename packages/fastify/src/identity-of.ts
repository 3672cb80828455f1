import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'

/**
 * The identity that `authenticate` verified for this request, or `undefined` where it did not run.
 *
 * It follows `request.raw.auth` by reference: a copy of that record, or one that other code made, has
 * none. It does not check that the identity is still valid: `identity.expiresAt` may have passed
 * during a long request.
 *
 * @example
 * ```ts
 * import type { FastifyRequest } from 'fastify'
 *
 * const organizationOf = (asked: FastifyRequest) => identityOf(asked)?.organization?.id
 * ```
 */
export function identityOf({ raw }: { readonly raw: object }): Identity | undefined {
  return 'auth' in raw ? identityOfAuthInfo(raw.auth) : undefined
}
