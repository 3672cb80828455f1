import { isIdentityError } from '@onbehalf/core'
import { arrivals } from '../ambient/channels.ts'
import { makeReadable } from '../gate/callbacks.ts'
import type { Settings } from '../protection.ts'
import { reportFailure } from '../wire/failures.ts'
import type { Transport } from '../wire/transport.ts'
import { inOrder } from './in-order.ts'
import type { LineCredential } from './token.ts'

/** A transport that carries no headers, such as `StdioServerTransport` of either SDK generation. */
export interface PlainTransport {
  start(): Promise<void>
}

export function isPlain(transport: object): boolean {
  return !('handleRequest' in transport || 'handlePostMessage' in transport)
}

/**
 * Makes a transport speak for the caller whose token it was given: each message is handed over with
 * the identity of its moment, in the order of arrival.
 *
 * The token is verified before the first message, and `start` rejects if it is refused. A later one
 * from a changed file that is refused leaves its messages without an identity.
 */
export function authenticateLine(
  line: Transport,
  credential: LineCredential,
  report: Settings['report'],
): void {
  makeReadable(line)
  const start = line.start.bind(line)
  line.start = async () => {
    await credential.verify()
    takeOver(line, credential, report)
    return start()
  }
}

function takeOver(line: Transport, credential: LineCredential, report: Settings['report']): void {
  const deliver = line.onmessage?.bind(line)
  // The authenticator has reported what it refused; a file that cannot be read is only known here.
  const failed = (error: unknown): undefined => {
    if (isIdentityError(error) && error.reason !== 'token_file_unreadable') return
    report?.({ type: 'refused', code: 'DOWN', reason: 'token_file_unreadable' })
  }
  const enqueue = inOrder((error) => reportFailure(line, error, 'A message could not be delivered'))
  line.onmessage = (message, extra) =>
    enqueue(async () => {
      const authInfo = await credential.verify().catch(failed)
      arrivals.run(authInfo, () => deliver?.(message, extra))
    })
}
