import {
  type Confirmation,
  certificateBound,
  createAuthenticator,
  direct,
  dpop,
  memoryStore,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type Call, startResourceServer } from '../support/resource-server.ts'
import { createPeople, now, type Party, resource } from '../support/world.ts'
import { createHolder, dpopHeaders, type Holder, type ProofChanges } from './holder.ts'

const pointer =
  'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"'
const tokenFault = 'error="invalid_token", error_description="The access token was refused"'
const proofFault = 'error="invalid_dpop_proof", error_description="The DPoP proof was refused"'

let people: Party
let holder: Holder
let bound: string

beforeAll(async () => {
  people = await createPeople()
  holder = await createHolder()
  bound = await people.token({ cnf: { jkt: holder.jkt } })
})

/** Without the id, which is another one for each request. */
async function answerTo(call: Call, ...confirmations: readonly Confirmation[]): Promise<Answer> {
  const sources = [direct({ issuer: people.issuer() })]
  const answer = await (await startResourceServer({ sources, confirmations })).call(call)
  const { 'x-request-id': _id, ...headers } = answer.headers
  return { ...answer, headers }
}

function challengeIn({ status, headers }: Answer): unknown {
  return [status, headers['www-authenticate']]
}

const optional = (): Confirmation => dpop({ store: memoryStore() })
const required = (): Confirmation => dpop({ store: memoryStore(), required: true })

describe('the challenge of a server that knows DPoP', () => {
  it('names both schemes to a caller without a credential', async () => {
    expect(challengeIn(await answerTo({}, optional()))).toEqual([
      401,
      `Bearer ${pointer}, DPoP ${pointer}, algs="ES256"`,
    ])
  })

  it('names both schemes to a caller whose token is refused', async () => {
    const headers = { authorization: `Bearer ${bound}` }
    expect(challengeIn(await answerTo({ headers }, optional()))).toEqual([
      401,
      `Bearer ${tokenFault}, ${pointer}, DPoP ${tokenFault}, ${pointer}, algs="ES256"`,
    ])
  })

  it('names DPoP alone to a caller whose proof is refused', async () => {
    const headers = { authorization: `DPoP ${bound}`, dpop: 'x' }
    const answer = await answerTo({ headers }, optional())
    expect(challengeIn(answer)).toEqual([401, `DPoP ${proofFault}, ${pointer}, algs="ES256"`])
    expect(answer.body).toBe(
      '{"error":"invalid_dpop_proof","error_description":"The DPoP proof was refused"}',
    )
  })

  it('names DPoP alone where no other token is accepted', async () => {
    expect(challengeIn(await answerTo({}, required()))).toEqual([
      401,
      `DPoP ${pointer}, algs="ES256"`,
    ])
  })

  it('names every algorithm that a proof may have', async () => {
    const several = dpop({ store: memoryStore(), algorithms: ['ES256', 'PS256', 'EdDSA'] })
    expect(challengeIn(await answerTo({}, several))).toEqual([
      401,
      `Bearer ${pointer}, DPoP ${pointer}, algs="ES256 PS256 EdDSA"`,
    ])
  })

  it('is not there while the server is at fault', async () => {
    const full = dpop({ store: { ...memoryStore(), add: () => Promise.reject(new Error()) } })
    const answer = await answerTo({ headers: dpopHeaders(bound, holder.proof(bound)) }, full)
    expect(challengeIn(answer)).toEqual([503, undefined])
  })

  it('says the same to everyone whose token is refused', async () => {
    const [expired, foreign, other] = await Promise.all([
      people.token({ exp: now - 60, cnf: { jkt: holder.jkt } }),
      people.token({ aud: 'https://other.example', cnf: { jkt: holder.jkt } }),
      people.token({ cnf: { kid: 'unknown' } }),
    ])
    const plain = await people.token()
    const calls: readonly Call[] = [
      { headers: { authorization: `Bearer ${expired}` } },
      { headers: dpopHeaders(expired, holder.proof(expired)) },
      { headers: dpopHeaders(foreign, holder.proof(foreign)) },
      { headers: dpopHeaders(plain, holder.proof(plain)) },
      { headers: { authorization: `Bearer ${bound}` } },
      { headers: { authorization: `Bearer ${other}` } },
    ]
    const answers = await Promise.all(calls.map((call) => answerTo(call, optional())))
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  })

  it('says the same to everyone whose proof is refused', async () => {
    const thief = await createHolder()
    const changes: readonly ProofChanges[] = [
      { header: { typ: 'JWT' } },
      { header: { jwk: undefined } },
      { claims: { htm: 'GET' } },
      { claims: { htu: 'https://evil.example/"><\u00e4' } },
      { claims: { iat: now - 3_600 } },
      { claims: { ath: 'x' } },
      { claims: { jti: '' } },
    ]
    const proofs = [...changes.map((change) => holder.proof(bound, change)), thief.proof(bound), '']
    const answers = await Promise.all(
      proofs.map((proof) => answerTo({ headers: dpopHeaders(bound, proof) }, optional())),
    )
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  })

  it('does not tell a stranger with a bad proof more than one without', async () => {
    const forged = `${bound.slice(0, -8)}AAAAAAAA`
    const sound = { headers: dpopHeaders(forged, holder.proof(forged)) }
    const broken = { headers: dpopHeaders(forged, holder.proof(forged, { claims: { ath: 'x' } })) }
    const answers = await Promise.all([sound, broken].map((call) => answerTo(call, optional())))
    expect(answers[0]).toEqual(answers[1])
    expect(answers[0]?.body).toContain('invalid_token')
  })
})

describe('the metadata of a server', () => {
  const describeWith = (...confirmations: readonly Confirmation[]): object =>
    createAuthenticator({ resource, sources: [direct({ issuer: people.issuer() })], confirmations })
      .metadata

  it('says nothing of sender-constrained tokens where it knows none', () => {
    expect(Object.keys(describeWith())).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/dpop|certificate/)]),
    )
  })

  it('says how proofs may be signed', () => {
    const metadata = describeWith(dpop({ store: memoryStore(), algorithms: ['ES256', 'EdDSA'] }))
    expect(metadata).toMatchObject({ dpop_signing_alg_values_supported: ['ES256', 'EdDSA'] })
    expect(metadata).not.toHaveProperty('dpop_bound_access_tokens_required')
  })

  it('says that other tokens are refused', () => {
    expect(describeWith(required())).toMatchObject({ dpop_bound_access_tokens_required: true })
  })

  it('says that tokens may be bound to a certificate', () => {
    expect(describeWith(certificateBound())).toMatchObject({
      tls_client_certificate_bound_access_tokens: true,
    })
  })

  it('cannot be changed', () => {
    const metadata = describeWith(optional()) as {
      dpop_signing_alg_values_supported: string[]
    }
    expect(() => metadata.dpop_signing_alg_values_supported.push('none')).toThrow(TypeError)
  })
})
