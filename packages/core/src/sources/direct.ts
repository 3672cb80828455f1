import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { IdentityError } from '../errors.ts'
import type { Claims } from '../identity.ts'
import { assertOptions } from '../internal/options.ts'
import type { Issuer } from '../issuer/issuer.ts'
import { asRepeatable } from '../verdicts/conditions.ts'
import { assertIssuer, namesIssuer, type Source, toIdentity, verifyBy } from './source.ts'

export interface DirectOptions<C = Claims> {
  /** Who issued the token. Its `audience` has to name this server. */
  readonly issuer: Issuer<C>
}

/**
 * `Authorization` carries the caller's own token for this server, passed through with us as its
 * audience or exchanged for us (RFC 8693, with or without `act`). A machine token gives an
 * identity of kind `service`.
 *
 * @throws TypeError when the issuer is missing
 */
export function direct<C = Claims>(options: DirectOptions<C>): Source<C> {
  const { issuer } = options
  assertIssuer(issuer, 'issuer')
  assertOptions('direct', options, { issuer: true })
  return asRepeatable(
    Object.freeze<Source<C>>({
      kind: 'direct',
      tokenHeaders: ['authorization'],
      valueHeaders: [],
      issuers: [issuer],
      authorizationIssuer: issuer,
      subjectHeader: 'authorization',
      applies: (credentials: Credentials) => namesIssuer(credentials, 'authorization', [issuer]),
      async identify(credentials: Credentials, context: Context) {
        const credential = credentials.token('authorization')
        if (credential === undefined)
          throw new IdentityError('MISSING', { reason: 'no_credential' })
        return toIdentity(await verifyBy(issuer, credential, context), { source: 'direct' })
      },
    }),
  )
}
