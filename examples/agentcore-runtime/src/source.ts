import { runtimeHeader } from '@onbehalf/aws'
import { direct, forwarded, type Source } from '@onbehalf/core'
import { optional } from './environment.ts'
import { gatewayIssuer, peopleIssuer } from './issuers.ts'

/**
 * How the user gets into the container: with their own token, when they call the runtime themselves, or in
 * a header beside the machine token of a gateway. The runtime has verified a token already; it is verified
 * again, because a caller that reaches the container past the runtime was not asked for one.
 */
export function createSource(): Source {
  if (optional('BEHIND', 'nothing') !== 'gateway') return direct({ issuer: peopleIssuer() })
  return forwarded({
    header: runtimeHeader('User-Token'),
    issuer: peopleIssuer(),
    gateway: gatewayIssuer(),
    bind: 'trust-gateway',
    // The gateway lists tools without a user; calls need one, by each tool's guard.
    gatewayMayList: true,
  })
}
