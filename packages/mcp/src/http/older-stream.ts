import type { ServerResponse } from 'node:http'
import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import type { Awaitable } from '@onbehalf/core/internal'
import { credentialRequest } from '@onbehalf/core/node'
import type { Authentication } from '../protection.ts'
import type { Transport } from '../wire/transport.ts'

/** The stream of the older HTTP and SSE transport: opened by someone, or refused and answered. */
export type OlderStream = { readonly by: Identity | undefined } | 'refused'

type Opening = ServerResponse & { readonly req?: { readonly auth?: unknown } }

/** Who opens the stream of the older HTTP and SSE transport, which is made for the response to a GET request. */
export function openOlderStream(
  transport: Transport,
  authentication: Authentication | undefined,
): Awaitable<OlderStream> {
  const { res: response } = transport as Transport & { readonly res?: Opening }
  const by = identityOfAuthInfo(response?.req?.auth)
  if (by !== undefined || authentication === undefined || !response?.req) return { by }
  return authenticate(response, authentication)
}

async function authenticate(
  response: Opening,
  authentication: Authentication,
): Promise<OlderStream> {
  try {
    const authInfo = await authentication.authenticate(credentialRequest(response.req))
    return { by: identityOfAuthInfo(authInfo) }
  } catch (thrown) {
    const { status, headers, body } = authentication.refuse(thrown)
    response.writeHead(status, headers).end(body)
    return 'refused'
  }
}
