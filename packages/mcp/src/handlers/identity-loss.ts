import { type IdentityLoss, identityLoss } from '@onbehalf/core/auth-info'
import { tellOperator } from '../warn.ts'

const messages: Record<IdentityLoss, string> = {
  no_auth_info:
    'A request was refused because nothing authenticates requests: give the server an ' +
    'authenticator, or put authenticate of an adapter in front of it',
  auth_info_copied:
    'A request carries a copy of the AuthInfo, which has no identity: hand on the very object that ' +
    'authentication made, and add what you need to its extra',
  auth_info_replaced:
    'A request carries the AuthInfo of something else than @onbehalf, which has no identity: let ' +
    'nothing replace req.auth between authentication and the transport',
  two_cores:
    'A request was authenticated by another copy of @onbehalf/core, or its AuthInfo is behind a ' +
    'proxy: have one version of @onbehalf packages installed (npm ls @onbehalf/core)',
}

/** Why a request has no identity. Warns the process of an `AuthInfo` that has none. */
export function noteLoss(authInfo: unknown): IdentityLoss | undefined {
  const loss = identityLoss(authInfo)
  if (loss !== undefined && loss !== 'no_auth_info') tellLoss(loss)
  return loss
}

/** Warns the process, once for each kind of mistake. */
export function tellLoss(loss: IdentityLoss): void {
  tellOperator({}, messages[loss], 'ONBEHALF_IDENTITY_LOST')
}
