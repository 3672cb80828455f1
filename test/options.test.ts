import { createAuditTrail, fanOut, fileSink, followLog, verifyLog } from '@onbehalf/audit'
import { type Authenticator, createAuthenticator, direct, issuer } from '@onbehalf/core'
import { withIdentity } from '@onbehalf/core/fetch'
import { authenticate as onExpress } from '@onbehalf/express'
import { authenticate as onFastify } from '@onbehalf/fastify'
import { authenticate as onHono } from '@onbehalf/hono'
import {
  createLocalGateway,
  createLocalIssuer,
  createTokenMinter,
  mintToken,
} from '@onbehalf/testing'
import { describe, expect, it } from 'vitest'
import { otelSink } from '../packages/otel/src/index.ts'
import { postgresSink } from '../packages/postgres/src/index.ts'

const resource = 'https://mcp.example.com/mcp'
const people = issuer({
  iss: 'https://people.example.com',
  audience: resource,
  kind: 'by-client',
  keys: { jwks: { keys: [] } },
})
const authenticator: Authenticator<unknown> = createAuthenticator({
  resource,
  sources: [direct({ issuer: people })],
})

type Options = Record<string, unknown>
type Take = (options: never) => unknown

const sink = { write: async () => {}, close: async () => {} }
const trail = { sink, mode: 'strict', key: new Uint8Array(32) }
const file = { directory: '/nowhere', signer: null }

/** What takes options, options it accepts, one of their names misspelt, and that name. */
const takers: readonly (readonly [string, Take, Options, string, string])[] = [
  ['createAuditTrail', createAuditTrail, trail, 'redacts', 'redact'],
  [
    'levels',
    (levels: never) => createAuditTrail({ ...trail, mode: 'strict', levels }),
    {},
    'tool',
    'tools',
  ],
  ['fileSink', fileSink, file, 'signr', 'signer'],
  [
    'fanOut',
    (options: never) => fanOut([{ sink, required: true }], options),
    {},
    'onErr',
    'onError',
  ],
  ['a sink of fanOut', (one: never) => fanOut([one]), { sink, required: true }, 'sinks', 'sink'],
  ['verifyLog', (options: never) => verifyLog('/nowhere', options), {}, 'publicKey', 'publicKeys'],
  [
    'followLog',
    (options: never) => followLog('/nowhere', options).next(),
    {},
    'everySecond',
    'everySeconds',
  ],
  ['otelSink', otelSink, { identity: 'clear-text' }, 'identitys', 'identity'],
  [
    'postgresSink',
    postgresSink,
    { connection: 'postgres://127.0.0.1', signer: null },
    'conection',
    'connection',
  ],
  [
    'authenticate',
    (options: never) => onExpress(authenticator, options),
    {},
    'onRefused',
    'onRefusal',
  ],
  [
    'authenticate',
    (options: never) => onFastify(authenticator, options),
    {},
    'onrefusal',
    'onRefusal',
  ],
  ['authenticate', (options: never) => onHono(authenticator, options), {}, 'onRefusl', 'onRefusal'],
  [
    'withIdentity',
    (options: never) => withIdentity(authenticator, () => '', options),
    {},
    'onRefusals',
    'onRefusal',
  ],
  [
    'createLocalIssuer',
    createLocalIssuer,
    { users: [], clients: [], resources: [] },
    'ressources',
    'resources',
  ],
  ['createLocalGateway', createLocalGateway, { authenticator, targets: [] }, 'target', 'targets'],
  ['createTokenMinter', createTokenMinter, {}, 'algs', 'alg'],
  ['createTokenMinter', (options: never) => mintToken({}, options), {}, 'issuers', 'issuer'],
  [
    'mint',
    async (options: never) => (await createTokenMinter()).mint({}, options),
    {},
    'headers',
    'header',
  ],
]

const attempt = (take: Take, options: Options) => async () => take(options as never)

describe('options', () => {
  it.each(takers)('of %s refuse a misspelt name', async (of, take, sound, wrong, near) => {
    const message = `"${wrong}" is not an option of ${of}; did you mean "${near}"?`
    await expect(attempt(take, { ...sound, [wrong]: [] })).rejects.toThrow(new TypeError(message))
  })

  it.each(takers)('of %s refuse undefined', async (_of, take, sound, _wrong, name) => {
    const message = `${name} must not be undefined`
    const options = { ...sound, [name]: undefined }
    await expect(attempt(take, options)).rejects.toThrow(new TypeError(message))
  })
})
