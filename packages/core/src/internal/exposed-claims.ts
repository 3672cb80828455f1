type Claims = Readonly<Record<string, unknown>>

/**
 * Claims as a handler may see them: an e-mail address only when its issuer verified it. Cognito says
 * so in text. An issuer that vouches for its addresses need not say so.
 */
export function exposedClaims(claims: Claims, isVouchedFor = false): Claims {
  const { email, email_verified: verified } = claims
  const isSilent = verified === undefined || verified === null || verified === ''
  const isVerified = verified === true || verified === 'true' || (isVouchedFor && isSilent)
  if (!('email' in claims) || (typeof email === 'string' && isVerified)) return claims
  const copy = Object.assign(Object.create(null) as Record<string, unknown>, claims)
  delete copy['email']
  return copy
}
