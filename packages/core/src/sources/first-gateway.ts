import type { Context } from '../context.ts'
import { IdentityError } from '../errors.ts'
import { textDigest } from '../internal/digest.ts'
import type { VerifiedToken } from '../issuer/verified-token.ts'
import type { RefusalReason } from '../reasons.ts'
import { guardedStore } from '../stores/guarded-store.ts'
import type { Store } from '../stores/store.ts'
import type { VerifiedGateway } from './gateway-token.ts'

// Longer than the largest clock skew: an entry outlives every moment at which the token is accepted.
const marginSeconds = 120

/**
 * Keeps a user's token to the gateway that presented it first. One gateway may use it again until
 * it expires; another gateway that presents it has taken it from there.
 */
export function createFirstGateway(
  store: Store,
): (user: VerifiedToken<unknown>, sender: VerifiedGateway, context: Context) => Promise<void> {
  const guarded = guardedStore(store)

  return async (user, { gateway }, { now }) => {
    const { issuer, subject, tokenId, expiresAt } = user
    if (tokenId === undefined) throw refused('jti_missing')
    const key = `presented:${await textDigest(JSON.stringify([issuer, tokenId]))}`
    const owner = await textDigest(JSON.stringify([gateway.issuer, gateway.client]))
    const seconds = expiresAt - now + marginSeconds
    if (await guarded.add(key, owner, seconds, [JSON.stringify([issuer, subject])])) return
    if ((await guarded.get(key)) !== owner) throw refused('replayed')
  }
}

function refused(reason: RefusalReason): IdentityError {
  return new IdentityError('TOK', { reason })
}
