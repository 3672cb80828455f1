import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { IdentityError } from '../errors.ts'
import type { Claims } from '../identity.ts'
import { assertOptions, headerName } from '../internal/options.ts'
import type { Issuer } from '../issuer/issuer.ts'
import { asRepeatable } from '../verdicts/conditions.ts'
import { assertIssuer, namesIssuer, type Source, toIdentity, verifyBy } from './source.ts'

export interface SignedHeaderOptions<C = Claims> {
  /** Header that carries the proxy's assertion, for example `x-goog-iap-jwt-assertion`. */
  readonly header: string
  /** The proxy as an issuer: its keys, its `iss`, and the audience that names this server. */
  readonly issuer: Issuer<C>
}

/**
 * A proxy in front of this server signs who the caller is (Google IAP, Cloudflare Access, Pomerium
 * and others). The assertion is verified as any token, by that proxy's rules.
 *
 * @throws TypeError when the header is not a valid header name, or is `Authorization`
 */
export function signedHeader<C = Claims>(options: SignedHeaderOptions<C>): Source<C> {
  const { issuer } = options
  assertIssuer(issuer, 'issuer')
  const header = headerName(options.header, 'header')
  if (header === 'authorization') throw new TypeError('header: use direct for Authorization')
  assertOptions('signedHeader', options, { header: true, issuer: true })
  return asRepeatable(
    Object.freeze<Source<C>>({
      kind: 'signedHeader',
      tokenHeaders: [header],
      valueHeaders: [],
      issuers: [issuer],
      authorizationIssuer: undefined,
      subjectHeader: header,
      applies: (credentials: Credentials) => namesIssuer(credentials, header, [issuer]),
      async identify(credentials: Credentials, context: Context) {
        const credential = credentials.token(header)
        if (credential === undefined)
          throw new IdentityError('MISSING', { reason: 'no_credential' })
        return toIdentity(await verifyBy(issuer, credential, context), { source: 'signedHeader' })
      },
    }),
  )
}
