import { createServer, type Server } from 'node:http'
import {
  type Actor,
  createAuthenticator,
  createRefusal,
  direct,
  type Identity,
  issuer,
} from '@onbehalf/core'
import type { Books, Reader } from './books.ts'

export interface ApiSettings {
  /** Exact issuer of the tokens. */
  readonly iss: string
  /** Resource identifier of the API: the audience of its tokens. */
  readonly resource: string
  readonly books: Books
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

/** The API that the MCP server calls. It knows MCP no more than any API does. */
export function createApi({ iss, resource, books }: ApiSettings): Server {
  const authenticator = createAuthenticator({
    resource,
    sources: [
      direct({
        issuer: issuer({ iss, audience: resource, kind: 'by-client', scopes: 'books.read' }),
      }),
    ],
    onEvent: (event) => {
      if (event.type === 'refused') console.error(`refused: ${event.code} ${event.reason}`)
    },
  })

  return createServer({ joinDuplicateHeaders: true }, (req, res) => {
    const serve = async (): Promise<Answer> => {
      const identity = await authenticator.authenticate(req)
      const url = new URL(req.url ?? '/', 'http://api')
      return route(`${req.method} ${url.pathname}`, url.searchParams, identity, books)
    }
    serve()
      .then(({ status, body }) => {
        res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      })
      .catch((thrown: unknown) => {
        const { status, headers, body } = createRefusal(thrown, authenticator)
        res.writeHead(status, headers).end(body)
      })
  })
}

async function route(
  asked: string,
  query: URLSearchParams,
  identity: Identity,
  books: Books,
): Promise<Answer> {
  const { subject, organization } = identity
  if (asked === 'GET /whoami') return { status: 200, body: describe(identity) }
  if (organization === undefined) return { status: 403, body: { error: 'no organization' } }
  const reader: Reader = { subject, organization }
  if (asked === 'GET /invoices') {
    const [month, number] = [query.get('month'), query.get('number')]
    const filter = { ...(month !== null && { month }), ...(number !== null && { number }) }
    return { status: 200, body: await books.find(reader, filter) }
  }
  const [, closing] = /^POST \/months\/(\d{4}-\d{2})\/closing$/.exec(asked) ?? []
  if (closing === undefined) return { status: 404, body: { error: 'not found' } }
  if (!identity.scopes.includes('books.write')) return { status: 403, body: { error: 'scope' } }
  await books.close(reader, closing)
  return { status: 200, body: { closed: closing, organization: organization.id, by: subject } }
}

/** Whom this API serves, and everyone between them and it, nearest first. */
function describe({ subject, organization, actor }: Identity): object {
  return { user: subject, organization: organization?.id ?? null, actors: namesOf(actor) }
}

function namesOf(actor: Actor | undefined): readonly string[] {
  return actor === undefined ? [] : [actor.subject, ...namesOf(actor.actor)]
}
