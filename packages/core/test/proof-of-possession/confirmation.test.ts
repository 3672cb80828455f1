import { createHash } from 'node:crypto'
import {
  certificateBound,
  createAuthenticator,
  direct,
  dpop,
  enriched,
  forwarded,
  memoryStore,
  signedHeader,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { startResourceServer } from '../support/resource-server.ts'
import { clock, createGateway, createPeople, type Party, resource } from '../support/world.ts'
import { createHolder, dpopHeaders, type Holder } from './holder.ts'

let people: Party
let gateway: Party
let holder: Holder

beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
  holder = await createHolder()
})

const unconfirmed = { status: 401, reason: 'sender_constrained' }

function startDirect(
  ...confirmations: Parameters<typeof startResourceServer>[0]['confirmations'] & object
) {
  return startResourceServer({ sources: [direct({ issuer: people.issuer() })], confirmations })
}

describe('what a token is bound to', () => {
  it.each([
    ['a key id', { kid: 'k' }],
    ['a key', { jwk: { kty: 'oct' } }],
    ['nothing', {}],
    ['a list', ['jkt']],
    ['text', 'jkt'],
    ['false', false],
  ])('has to be known: %s is refused', async (_form, cnf) => {
    const server = await startDirect(dpop({ store: memoryStore() }), certificateBound())
    const token = await people.token({ cnf })
    const proof = holder.proof(token)
    expect(await server.verdict({ headers: { authorization: `Bearer ${token}` } })).toEqual(
      unconfirmed,
    )
    expect(await server.verdict({ headers: dpopHeaders(token, proof) })).toEqual(unconfirmed)
  })

  it.each([{ 'kc-jkt-type': 'dpop' }, { note: { a: 1 } }, { kid: null }, { 'x5t#S256': '' }])(
    'may be annotated: %j beside a key is ignored',
    async (annotation) => {
      const server = await startDirect(dpop({ store: memoryStore() }))
      const token = await people.token({ cnf: { ...annotation, jkt: holder.jkt } })
      const headers = dpopHeaders(token, holder.proof(token))
      expect(await server.verdict({ headers })).toMatchObject({ subject: 'jane' })
      const stolen = { authorization: `Bearer ${token}` }
      expect(await server.verdict({ headers: stolen })).toEqual(unconfirmed)
    },
  )

  it.each([{ 'kc-jkt-type': 'dpop' }, { jkt: null }, { jkt: '', kid: '' }])(
    'has to be there: %j alone is refused',
    async (cnf) => {
      const server = await startDirect(dpop({ store: memoryStore() }), certificateBound())
      const token = await people.token({ cnf })
      for (const headers of [
        { authorization: `Bearer ${token}` },
        dpopHeaders(token, holder.proof(token)),
      ]) {
        expect(await server.verdict({ headers })).toEqual(unconfirmed)
      }
    },
  )

  it.each([null, ''])('is absent when it is %j, as in a token without it', async (cnf) => {
    const server = await startDirect(dpop({ store: memoryStore() }))
    const headers = { authorization: `Bearer ${await people.token({ cnf })}` }
    expect(await server.verdict({ headers })).toMatchObject({ subject: 'jane' })
  })

  it.each([{ 'x5t#S256': 'x' }, { kid: 'k' }, { jwk: {} }, { jku: 'https://x.example' }])(
    'is refused as a whole when nothing verifies %j in it',
    async (other) => {
      const server = await startDirect(dpop({ store: memoryStore() }))
      const token = await people.token({ cnf: { jkt: holder.jkt, ...other } })
      const headers = dpopHeaders(token, holder.proof(token))
      expect(await server.verdict({ headers })).toEqual(unconfirmed)
    },
  )

  it.each([undefined, null, {}])('is missed in a token that is called bound: %j', async (cnf) => {
    const server = await startDirect(dpop({ store: memoryStore() }))
    const headers = { authorization: `Bearer ${await people.token({ typ: 'DPoP', cnf })}` }
    expect(await server.verdict({ headers })).toEqual(unconfirmed)
  })

  it('is refused where nothing is configured', async () => {
    const server = await startDirect()
    const token = await people.token({ cnf: { jkt: holder.jkt } })
    const headers = dpopHeaders(token, holder.proof(token))
    expect(await server.verdict({ headers })).toEqual(unconfirmed)
  })
})

describe('the scheme and the binding', () => {
  it('go together: a bound token under Bearer is refused, also with its proof', async () => {
    const server = await startDirect(dpop({ store: memoryStore() }))
    const token = await people.token({ cnf: { jkt: holder.jkt } })
    const headers = { authorization: `Bearer ${token}`, dpop: holder.proof(token) }
    expect(await server.verdict({ headers })).toEqual(unconfirmed)
  })

  it('go together: a token that is not bound is refused under DPoP', async () => {
    const server = await startDirect(dpop({ store: memoryStore() }))
    const token = await people.token()
    const headers = dpopHeaders(token, holder.proof(token))
    expect(await server.verdict({ headers })).toEqual(unconfirmed)
  })

  it('leave a bearer token alone, whatever proof is beside it', async () => {
    const server = await startDirect(dpop({ store: memoryStore() }))
    const headers = { authorization: `Bearer ${await people.token()}`, dpop: 'x' }
    expect(await server.verdict({ headers })).toMatchObject({ subject: 'jane' })
  })

  it('do not make a proof a credential', async () => {
    const server = await startDirect(dpop({ store: memoryStore() }))
    expect(await server.verdict({ headers: { dpop: holder.proof('') } })).toEqual({
      status: 401,
      reason: 'no_credential',
    })
  })
})

describe('a server that accepts DPoP alone', () => {
  it('refuses a token that is not bound', async () => {
    const server = await startDirect(dpop({ store: memoryStore(), required: true }))
    const headers = { authorization: `Bearer ${await people.token()}` }
    expect(await server.verdict({ headers })).toEqual(unconfirmed)
  })

  it('accepts one that is', async () => {
    const server = await startDirect(dpop({ store: memoryStore(), required: true }))
    const token = await people.token({ cnf: { jkt: holder.jkt } })
    const headers = dpopHeaders(token, holder.proof(token))
    expect(await server.verdict({ headers })).toMatchObject({ subject: 'jane' })
  })

  it('asks it of the token in Authorization, not of the one that is forwarded', async () => {
    const token = await gateway.token({ cnf: { jkt: holder.jkt } })
    const server = await startForwarded(dpop({ store: memoryStore(), required: true }))
    const headers = {
      ...dpopHeaders(token, holder.proof(token)),
      'x-user-token': await people.token(),
    }
    expect(await server.verdict({ headers })).toMatchObject({ subject: 'jane' })
  })
})

function startForwarded(confirmation = dpop({ store: memoryStore() })) {
  const issuers = { issuer: people.issuer(), gateway: gateway.issuer() }
  return startResourceServer({
    sources: [forwarded({ header: 'x-user-token', bind: 'audience', ...issuers })],
    confirmations: [confirmation],
  })
}

describe('a token that another party presents', () => {
  it('is refused when it is bound: its forwarder cannot prove possession', async () => {
    const server = await startForwarded()
    const person = await people.token({ cnf: { jkt: holder.jkt } })
    const headers = {
      authorization: `Bearer ${await gateway.token()}`,
      'x-user-token': person,
      dpop: holder.proof(person),
    }
    expect(await server.verdict({ headers })).toEqual(unconfirmed)
  })

  it('is refused when it is bound to a certificate, even with that certificate', async () => {
    const certificate = new Uint8Array(32).fill(1)
    const thumbprint = createHash('sha256').update(certificate).digest('base64url')
    const authenticator = createAuthenticator({
      resource,
      sources: [
        forwarded({
          header: 'x-user-token',
          issuer: people.issuer(),
          gateway: gateway.issuer(),
          bind: 'audience',
        }),
      ],
      confirmations: [certificateBound()],
      clock,
    })
    const cnf = { 'x5t#S256': thumbprint }
    const call = async (machine: object, person: object) =>
      authenticator.authenticate({
        headers: {
          authorization: `Bearer ${await gateway.token({ ...machine })}`,
          'x-user-token': await people.token({ ...person }),
        },
        certificate,
      })
    expect(await call({ cnf }, {})).toMatchObject({ subject: 'jane' })
    await expect(call({ cnf }, { cnf })).rejects.toMatchObject({ reason: 'sender_constrained' })
  })

  it('is refused when a proxy signed it for a key', async () => {
    const server = await startResourceServer({
      sources: [signedHeader({ header: 'x-assertion', issuer: people.issuer() })],
      confirmations: [dpop({ store: memoryStore() })],
    })
    const assertion = await people.token({ cnf: { jkt: holder.jkt } })
    const headers = { 'x-assertion': assertion, dpop: holder.proof(assertion) }
    expect(await server.verdict({ headers })).toEqual(unconfirmed)
  })
})

describe("a gateway's own token", () => {
  const claims = { onBehalfOf: { sub: 'jane', org_id: 'acme' } }

  async function startEnriched() {
    return startResourceServer({
      sources: [enriched({ issuer: gateway.issuer(), userClaim: 'onBehalfOf' })],
      confirmations: [dpop({ store: memoryStore() })],
    })
  }

  it('that carries a person is accepted with the proof of the gateway', async () => {
    const token = await gateway.token({ ...claims, cnf: { jkt: holder.jkt } })
    const headers = dpopHeaders(token, holder.proof(token))
    expect(await (await startEnriched()).verdict({ headers })).toMatchObject({
      subject: 'jane',
      gateway: { client: 'gateway-client' },
    })
  })

  it('that carries a person is refused without it', async () => {
    const token = await gateway.token({ ...claims, cnf: { jkt: holder.jkt } })
    const headers = { authorization: `Bearer ${token}` }
    expect(await (await startEnriched()).verdict({ headers })).toEqual(unconfirmed)
  })
})

describe('confirmations', () => {
  it('of one kind are configured once', () => {
    const sources = [direct({ issuer: people.issuer() })]
    const confirmations = [certificateBound(), certificateBound()]
    expect(() => createAuthenticator({ resource, sources, confirmations })).toThrow(
      new TypeError('confirmations must not name one kind twice'),
    )
  })
})
