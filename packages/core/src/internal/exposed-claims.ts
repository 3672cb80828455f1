type Claims = Readonly<Record<string, unknown>>

/** Claims as a handler may see them: an e-mail address only when its issuer verified it. */
export function exposedClaims(claims: Claims): Claims {
  const verified = typeof claims['email'] === 'string' && claims['email_verified'] === true
  if (!('email' in claims) || verified) return claims
  const copy = Object.assign(Object.create(null) as Record<string, unknown>, claims)
  delete copy['email']
  return copy
}
