import type { RequestListener } from 'node:http'
import { type Authenticator, createRefusal, type Identity } from '@onbehalf/core'
import { adapters, type Mount as MountAdapter } from '../../adapters/support/adapters.ts'

/** Puts an authenticator in front of a handler, in each way a server of ours can be built. */
export type Mount = (
  authenticator: Authenticator<unknown>,
  handle: (identity: Identity<unknown>) => void,
  /** Told what a request was refused for. */
  refused?: (error: unknown) => void,
) => RequestListener

/** `isRaw` where header lines are seen as they were sent, and not joined. */
type Framework = readonly [name: string, mount: Mount, isRaw: boolean]

export const frameworks: readonly Framework[] = [
  ['node:http', onNode, true],
  ...adapters.map(({ name, mount, isRaw }): Framework => [name, onAdapter(mount), isRaw]),
]

export function onNode(...[authenticator, handle, refused]: Parameters<Mount>): RequestListener {
  return (req, res) => {
    void authenticator.authenticate(req).then(
      (identity) => {
        handle(identity)
        res.end(JSON.stringify(identity))
      },
      (error: unknown) => {
        refused?.(error)
        const { status, headers, body } = createRefusal(error, authenticator)
        res.statusCode = status
        for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
        res.end(body)
      },
    )
  }
}

function onAdapter(mount: MountAdapter): Mount {
  return (authenticator, handle, refused) => {
    const app = Promise.resolve(
      mount({
        authenticator: authenticator as Authenticator,
        handle: ({ identity }) => handle(identity as Identity),
        ...(refused && { onRefusal: refused }),
      }),
    )
    return (req, res) => void app.then((listener) => listener(req, res))
  }
}
