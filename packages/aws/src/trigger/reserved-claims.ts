/** What Cognito lets no trigger add to an access token; `scope` and `aud` have rules of their own. */
const reserved: ReadonlySet<string> = new Set([
  'acr',
  'amr',
  'at_hash',
  'aud',
  'auth_time',
  'azp',
  'client_id',
  'device_key',
  'event_id',
  'exp',
  'iat',
  'identities',
  'iss',
  'jti',
  'nbf',
  'nonce',
  'origin_jti',
  'scope',
  'sub',
  'token_use',
  'version',
])
// It becomes no own member of an object.
const impossible = '__proto__'

/**
 * Checks the name of a claim that a trigger is to add.
 *
 * @throws TypeError
 */
export function assertFreeClaim(name: string, option: string): void {
  if (typeof name !== 'string' || name === '' || name === impossible) {
    throw new TypeError(`${option} is no name of a claim`)
  }
  if (reserved.has(name) || name.startsWith('cognito:')) {
    throw new TypeError(`${option}: "${name}" is reserved`)
  }
}
