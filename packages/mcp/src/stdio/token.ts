import { readFile, stat } from 'node:fs/promises'
import { IdentityError } from '@onbehalf/core'
import type { AuthInfo } from '@onbehalf/core/auth-info'
import type { OptionNames } from '@onbehalf/core/internal'
import type { Authentication } from '../protection.ts'

/** The credential of a transport that carries no headers, such as stdio. At most one of both. */
export interface TokenOptions {
  /** The token itself, as the environment gives it. */
  readonly token?: string
  /** Path of a file that holds the token, and is read again whenever it changes. */
  readonly tokenFile?: string
}

/** Names of {@link TokenOptions}. */
export const tokenOptions: OptionNames<TokenOptions> = { token: true, tokenFile: true }

/** The caller that a transport speaks for, at this moment. */
export interface LineCredential {
  /** @throws IdentityError when the token is refused, `DOWN` when its file cannot be read */
  verify(): Promise<AuthInfo | undefined>
}

/**
 * The credential of a transport without headers. A token is verified as if it came in an
 * `Authorization` header, again whenever its file changes.
 *
 * @throws TypeError when both are given, or neither where a caller is needed
 */
export function createLineCredential(
  { token, tokenFile }: TokenOptions,
  authentication: Authentication,
  acceptsGuests: boolean,
): LineCredential {
  if (token !== undefined && tokenFile !== undefined) {
    throw new TypeError('either token or tokenFile must be given, not both')
  }
  if (authentication.needsPath) {
    throw new TypeError('a transport without paths needs an authenticator with one resource')
  }
  const present = async (text: string) =>
    authentication.authenticate({ headers: { authorization: `Bearer ${text.trim()}` } })
  if (tokenFile !== undefined) {
    return onChange(
      () => versionOf(tokenFile),
      async () => present(await readable(readFile(tokenFile, 'utf8'))),
    )
  }
  if (token !== undefined)
    return onChange(
      async () => 'unchanging',
      () => present(token),
    )
  if (acceptsGuests) return { verify: async () => undefined }
  throw new TypeError('a transport without headers needs token or tokenFile')
}

/** Verifies once for each version of the token. */
function onChange(
  version: () => Promise<string>,
  verify: () => Promise<AuthInfo | undefined>,
): LineCredential {
  let known: string | undefined
  let info: AuthInfo | undefined
  return {
    verify: async () => {
      const current = await version()
      if (info === undefined || current !== known) {
        info = undefined
        info = await verify()
        known = current
      }
      return info
    },
  }
}

// Replaced as a whole or written in place: either changes one of these.
async function versionOf(file: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await readable(stat(file, { bigint: true }))
  return [ino, size, mtimeNs, ctimeNs].join(' ')
}

async function readable<T>(file: Promise<T>): Promise<T> {
  try {
    return await file
  } catch (cause) {
    throw new IdentityError('DOWN', { reason: 'token_file_unreadable', cause })
  }
}
