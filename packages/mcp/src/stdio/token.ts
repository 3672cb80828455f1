import { readFile, stat } from 'node:fs/promises'
import { IdentityError } from '@onbehalf/core'
import type { AuthInfo } from '@onbehalf/core/auth-info'
import { isRecord, type OptionNames } from '@onbehalf/core/internal'
import type { Authentication } from '../protection.ts'
import { warnOnce } from '../warn.ts'

/** The credential of a server on stdio, where no headers are. At most one of both. */
export interface TokenOptions {
  /** The token itself, as the environment gives it. */
  readonly token?: string
  /** Path of a file that holds the token, and is read again whenever it changes. */
  readonly tokenFile?: string
}

/** Names of {@link TokenOptions}. */
export const tokenOptions: OptionNames<TokenOptions> = { token: true, tokenFile: true }

export function hasToken({ token, tokenFile }: TokenOptions): boolean {
  return token !== undefined || tokenFile !== undefined
}

const notStdio =
  'token and tokenFile are for stdio: over this transport, anyone who reaches it would be their user'

/**
 * Whether what is at the other end is the process that started this one, or this one: the transports of
 * both SDK generations for stdio and for memory, or a framework's transport around one of them.
 */
function isLocal(transport: object): boolean {
  return [transport, ...Object.values(transport)].some(
    (part: unknown) =>
      isRecord(part) && (('_stdin' in part && '_stdout' in part) || '_otherTransport' in part),
  )
}

/**
 * Of a transport of a framework it is not known who is at its other end.
 *
 * @throws TypeError for a transport that may come from elsewhere. The operator is warned: frameworks keep
 *   what `connect` rejects with
 */
export function assertStdio(transport: object): void {
  if (isLocal(transport)) return
  warnOnce(`No server is served: ${notStdio}`, 'ONBEHALF_NOT_SERVED')
  throw new TypeError(notStdio)
}

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
