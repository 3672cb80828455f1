import type { ServerResponse } from 'node:http'
import type { IdentityError, Refusal } from '@onbehalf/core'
import { isRecord } from './json-rpc.ts'
import { createScopeRefusal, type FindMissingScopes } from './scope-challenge.ts'

type HandleRequest = (...input: unknown[]) => Promise<unknown>

interface HttpTransport {
  handleRequest?: HandleRequest
}

/** What a transport's `handleRequest` was given, in its Node or its web form. */
interface HttpInput {
  readonly authInfo: unknown
  readonly body: unknown
  readonly answer: (refusal: Refusal) => unknown
}

// Larger batches are refused by the transport itself.
const maxBatchSize = 100

/**
 * Answers missing scopes over HTTP under SDK v1, whose transports have no hook for it: in front of
 * the transport's `handleRequest`, the one place where the status is still open.
 *
 * It needs the parsed body, as `express.json()` gives it. Without one the request's stream is left
 * to the SDK, and the refusal is the tool result of the gate.
 */
export function challengeScopes(transport: object, find: FindMissingScopes): void {
  const http = transport as HttpTransport
  if (typeof http.handleRequest !== 'function' || 'setScopeChallengeResolver' in transport) return
  const handle = http.handleRequest.bind(transport)
  http.handleRequest = async (...input) => {
    const { authInfo, body, answer } = readInput(input)
    if (body === undefined) return handle(...input)
    const missing = await findInBody(body, authInfo, find)
    return missing === undefined ? handle(...input) : answer(createScopeRefusal(missing, authInfo))
  }
}

async function findInBody(
  body: unknown,
  authInfo: unknown,
  find: FindMissingScopes,
): Promise<IdentityError | undefined> {
  const messages: unknown[] = Array.isArray(body) ? body : [body]
  if (messages.length > maxBatchSize) return undefined
  for (const message of messages) {
    const missing = isRecord(message) ? await find(message, authInfo) : undefined
    if (missing !== undefined) return missing
  }
  return undefined
}

function readInput([request, second, third]: readonly unknown[]): HttpInput {
  if (request instanceof Request) {
    const { authInfo, parsedBody } = (second ?? {}) as Record<string, unknown>
    return { authInfo, body: parsedBody, answer: toResponse }
  }
  const { auth } = request as { auth?: unknown }
  return {
    authInfo: auth,
    body: third,
    answer: (refusal) => write(second as ServerResponse, refusal),
  }
}

function toResponse({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers })
}

function write(response: ServerResponse, { status, headers, body }: Refusal): void {
  response.writeHead(status, headers).end(body)
}
