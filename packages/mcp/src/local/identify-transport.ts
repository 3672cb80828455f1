import { readFile, stat } from 'node:fs/promises'
import type { Authenticator } from '@onbehalf/core'
import { type AuthInfo, createAuthInfo } from '@onbehalf/core/auth-info'
import { arrivals } from '../ambient/arrivals.ts'
import type { Transport } from '../wire/transport.ts'
import { assertPlain, isProtected, type PlainTransport } from './plain-transport.ts'

export interface IdentifyTransportOptions {
  /** Verifies the token as if it came in an `Authorization` header. */
  readonly authenticator: Authenticator<unknown>
  /** The token itself, as the environment gives it. Either this or {@link tokenFile}. */
  readonly token?: string | undefined
  /** Path of a file that holds the token, and is read again whenever it changes. */
  readonly tokenFile?: string | undefined
  /** Hears why a token from the file was refused; calls are refused until there is a better one. */
  readonly onError?: (error: unknown) => void
}

/**
 * Lets a local transport speak for the user whose token is in the environment, and returns the same
 * transport. Every message carries that identity: guards decide on it, and handlers find it.
 *
 * The token is verified before the first message. A token that is refused then rejects the start of
 * the server. Its expiry counts at every message; a file is looked at before every message and its
 * token verified again when it has changed.
 *
 * It does not verify a token again that has not changed: revocation is noticed with the next token.
 *
 * @throws TypeError for an HTTP transport, for one that `protectStdio` has, and unless exactly one of
 *   token and file is given
 *
 * @example
 * ```ts
 * const tokenFile = process.env['MCP_TOKEN_FILE']
 * const identify = (stdio: PlainTransport) => identifyTransport(stdio, { authenticator, tokenFile })
 * ```
 */
export function identifyTransport<T extends PlainTransport>(
  transport: T,
  options: IdentifyTransportOptions,
): T {
  assertPlain(transport)
  if (isProtected(transport)) throw new TypeError('identify a transport before protecting it')
  const credential = createCredential(options)
  const line = transport as unknown as Transport
  const start = line.start.bind(line)
  line.start = async () => {
    await credential.verify()
    takeOver(line, credential, options.onError)
    return start()
  }
  return transport
}

interface Credential {
  /** @throws IdentityError when the token is refused */
  verify(): Promise<AuthInfo>
}

/** Hands over each message with the identity of its moment, in the order of arrival. */
function takeOver(
  line: Transport,
  credential: Credential,
  onError: IdentifyTransportOptions['onError'],
): void {
  const deliver = line.onmessage?.bind(line)
  let last: Promise<void> = Promise.resolve()
  line.onmessage = (message, extra) => {
    last = last.then(async () => {
      const authInfo = await credential.verify().catch((error: unknown) => onError?.(error))
      arrivals.run(authInfo, () => deliver?.(message, extra))
    })
  }
}

function createCredential(options: IdentifyTransportOptions): Credential {
  const { authenticator, token, tokenFile } = options
  if ((token === undefined) === (tokenFile === undefined)) {
    throw new TypeError('either token or tokenFile must be given')
  }
  const authenticate = async (text: string): Promise<AuthInfo> => {
    const headers = { authorization: `Bearer ${text.trim()}` }
    return createAuthInfo(await authenticator.authenticate({ headers }), authenticator)
  }
  return tokenFile === undefined
    ? onChange(
        async () => 'unchanging',
        () => authenticate(String(token)),
      )
    : onChange(
        () => versionOf(tokenFile),
        async () => authenticate(await readFile(tokenFile, 'utf8')),
      )
}

/** Verifies once for each version of the token. */
function onChange(version: () => Promise<string>, verify: () => Promise<AuthInfo>): Credential {
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
  const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true })
  return [ino, size, mtimeNs, ctimeNs].join(' ')
}
