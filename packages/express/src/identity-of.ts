import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'

/**
 * The identity that `authenticate` verified for this request, or `undefined` where it did not run.
 *
 * It follows `req.auth` by reference: a copy of that record, or one that other code made, has none.
 * It does not check that the identity is still valid: `identity.expiresAt` may have passed during a
 * long request.
 *
 * @example
 * ```ts
 * app.get('/whoami', authenticate(authenticator), (req, res) => {
 *   res.json({ organization: identityOf(req)?.organization?.id })
 * })
 * ```
 */
export function identityOf(req: object): Identity | undefined {
  return 'auth' in req ? identityOfAuthInfo(req.auth) : undefined
}
