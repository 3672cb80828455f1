import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Claims, IntrospectionOptions } from '@onbehalf/core'
import { startServer } from '../../support/misbehaving-server.ts'
import { now, resource } from '../../support/world.ts'

export const issuerName = 'https://opaque.example.com'
export const clientId = 'mcp server: 1'
export const clientSecret = 'pass+word %&=:~'

/** What the endpoint was asked. */
interface Question {
  readonly method: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly form: URLSearchParams
}

export type Answer = (res: ServerResponse, question: Question) => void

/** An introspection endpoint that answers as it is told. */
export interface Endpoint {
  readonly url: string
  readonly questions: readonly Question[]
  /** From now on. */
  readonly answer: (answer: Answer | object) => void
  /** The options of an issuer that asks here. */
  readonly options: <C = Claims>(
    options?: Partial<IntrospectionOptions<C>>,
  ) => IntrospectionOptions<C>
}

/** What the endpoint says of a sound token. A member that is `undefined` is left out. */
export function activeToken(changes: Claims = {}): Claims {
  return {
    active: true,
    iss: issuerName,
    sub: 'jane',
    aud: resource,
    client_id: 'web-client',
    scope: 'notes:read notes:write',
    token_type: 'Bearer',
    iat: now - 60,
    exp: now + 300,
    ...changes,
  }
}

export async function startEndpoint(first: Answer | object = activeToken()): Promise<Endpoint> {
  let current = toAnswer(first)
  const questions: Question[] = []
  const { origin } = await startServer((req, res) => {
    void text(req).then((body) => {
      const { method, headers } = req
      const question = { method, headers, form: new URLSearchParams(body) }
      questions.push(question)
      current(res, question)
    })
  })
  const url = `${origin}/introspect`
  return {
    url,
    questions,
    answer: (next) => {
      current = toAnswer(next)
    },
    options: (options = {}) => ({
      iss: issuerName,
      endpoint: url,
      clientId,
      clientSecret,
      audience: resource,
      kind: 'user',
      ...options,
    }),
  }
}

/** Answers with these bytes. */
export function raw(body: string | Uint8Array, status = 200): Answer {
  return (res) => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }
}

function toAnswer(answer: Answer | object): Answer {
  return typeof answer === 'function' ? (answer as Answer) : raw(JSON.stringify(answer))
}
