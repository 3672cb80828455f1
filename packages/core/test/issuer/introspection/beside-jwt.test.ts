import { direct, forwarded, introspected, signedHeader } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { startResourceServer } from '../../support/resource-server.ts'
import { encode, unsigned } from '../../support/signer.ts'
import { createGateway, createPeople, now, type Party, personClaims } from '../../support/world.ts'
import { activeToken, startEndpoint } from './endpoint.ts'

let people: Party
let gateway: Party

beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
})

/** An issuer of signed tokens and one of opaque tokens, both in `Authorization`. */
async function startBoth() {
  const endpoint = await startEndpoint(activeToken({ sub: 'opaque-jane' }))
  const server = await startResourceServer({
    sources: [
      direct({ issuer: people.issuer() }),
      direct({ issuer: introspected(endpoint.options()) }),
    ],
  })
  const verdict = (token: string) =>
    server.verdict({ headers: { authorization: `Bearer ${token}` } })
  return { server, endpoint, verdict }
}

describe('a token beside an issuer of opaque ones', () => {
  it('is verified, not introspected, when it is a JWT of the other issuer', async () => {
    const { endpoint, verdict } = await startBoth()
    expect(await verdict(await people.token())).toMatchObject({ subject: 'jane' })
    expect(endpoint.questions).toHaveLength(0)
  })

  it.each([
    'opaque',
    'ory_at_9Fz.6xQ',
    'ya29.c.b0Aaekm1K',
    '1000.8cb99dxxxxxxxxxxxxx9be93.9b8xxxxxxxxxxxxxxxf',
    'v4.public.eyJzdWIiOiJqYW5lIn0',
    '..',
    'a.b.c.d',
    // Encrypted: nobody but its issuer can read it.
    'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVydGV4dA.dGFn',
  ])('is introspected when it does not look like a JWT: %s', async (token) => {
    const { endpoint, verdict } = await startBoth()
    expect(await verdict(token)).toMatchObject({ subject: 'opaque-jane' })
    expect(endpoint.questions.map(({ form }) => form.get('token'))).toEqual([token])
  })

  it('is refused and not introspected when it is a JWT of an unknown issuer', async () => {
    const { endpoint, verdict } = await startBoth()
    const foreign = await people.token({ iss: 'https://unknown.example.com' })
    expect(await verdict(foreign)).toEqual({ status: 401, reason: 'issuer_unknown' })
    expect(endpoint.questions).toHaveLength(0)
  })

  it('is refused and not introspected when it is a JWT that even names its issuer', async () => {
    const { endpoint, verdict } = await startBoth()
    const jwt = await people.token({ iss: 'https://opaque.example.com' })
    expect(await verdict(jwt)).toEqual({ status: 401, reason: 'issuer_unknown' })
    expect(endpoint.questions).toHaveLength(0)
  })

  const header = { alg: 'ES256', kid: 'people-key', typ: 'at+jwt' }
  const sound = personClaims()
  const malformed: readonly (readonly [string, () => string, string])[] = [
    [
      'signed with nothing',
      () => unsigned({ ...header, alg: 'none' }, sound),
      'malformed_algorithm',
    ],
    [
      'signed with a secret',
      () => unsigned({ ...header, alg: 'HS256' }, sound),
      'malformed_algorithm',
    ],
    ['critical', () => unsigned({ ...header, crit: ['b64'] }, sound), 'malformed_header_member'],
    ['with alg twice', () => unsigned('{"alg":"none","alg":"ES256"}', sound), 'malformed_header'],
    [
      'with a header in spaces',
      () => unsigned(` \r\n\t{"alg":"none"}`, sound),
      'malformed_algorithm',
    ],
    ['with half a header', () => `${encode('{"alg"')}.e30.c2ln`, 'malformed_header'],
    ['with a header that is cut', () => `eyJhbGciO.e30.c2ln`, 'malformed_base64url'],
    ['with a payload that is a list', () => unsigned(header, '[]'), 'malformed_payload'],
    ['with an empty payload', () => `${encode(JSON.stringify(header))}..c2ln`, 'malformed_payload'],
    ['with padding behind it', () => `${unsigned(header, sound)}=`, 'malformed_base64url'],
    ['in plain base64', () => `${unsigned(header, sound)}+/`, 'malformed_base64url'],
    ['signed by nobody', () => unsigned(header, sound), 'signature'],
  ]
  it.each(malformed)('is refused and not introspected: a JWT %s', async (_form, make, reason) => {
    const { endpoint, verdict } = await startBoth()
    expect(await verdict(make())).toEqual({ status: 401, reason })
    expect(endpoint.questions).toHaveLength(0)
  })

  it('is refused and not introspected when it is too long', async () => {
    const { server, endpoint } = await startBoth()
    const headers = { authorization: `Bearer ${'x'.repeat(16_385)}` }
    await expect(server.authenticator.authenticate({ headers })).rejects.toMatchObject({
      reason: 'malformed_size',
    })
    expect(endpoint.questions).toHaveLength(0)
  })

  it('is refused with the same answer, introspected or not', async () => {
    const { server, endpoint } = await startBoth()
    endpoint.answer({ active: false })
    const tokens = ['opaque', unsigned(header, sound), await people.token({ exp: now - 60 })]
    const answers = await Promise.all(
      tokens.map((token) => server.call({ headers: { authorization: `Bearer ${token}` } })),
    )
    const shown = answers.map(({ status, headers: { 'x-request-id': _id, ...headers }, body }) =>
      JSON.stringify({ status, headers, body }),
    )
    expect(new Set(shown).size).toBe(1)
  })

  it('is not introspected while another credential is not understood', async () => {
    const endpoint = await startEndpoint()
    const server = await startResourceServer({
      sources: [
        direct({ issuer: introspected(endpoint.options()) }),
        signedHeader({ header: 'x-assertion', issuer: people.issuer() }),
      ],
    })
    const headers = { authorization: 'Bearer opaque', 'x-assertion': await people.token() }
    expect(await server.verdict({ headers })).toEqual({
      status: 401,
      reason: 'credential_not_understood',
    })
    expect(endpoint.questions).toHaveLength(0)
  })
})

describe('an opaque token that a gateway forwards', () => {
  async function startForwarded() {
    const endpoint = await startEndpoint(activeToken({ client_id: 'gateway-client' }))
    const server = await startResourceServer({
      sources: [
        forwarded({
          header: 'x-user-token',
          issuer: introspected(endpoint.options()),
          gateway: gateway.issuer(),
          bind: 'client',
        }),
      ],
    })
    return { ...server, endpoint }
  }

  it('is bound to the gateway like any other', async () => {
    const server = await startForwarded()
    const headers = { authorization: `Bearer ${await gateway.token()}`, 'x-user-token': 'opaque' }
    expect(await server.verdict({ headers })).toMatchObject({
      subject: 'jane',
      gateway: { client: 'gateway-client' },
    })
    server.endpoint.answer(activeToken({ client_id: 'another-gateway' }))
    expect(await server.verdict({ headers: { ...headers, 'x-user-token': 'second' } })).toEqual({
      status: 401,
      reason: 'binding_client',
    })
  })

  it('is not introspected for a gateway that is none', async () => {
    const server = await startForwarded()
    const expired = await gateway.token({ exp: now - 60 })
    const headers = { authorization: `Bearer ${expired}`, 'x-user-token': 'opaque' }
    expect(await server.verdict({ headers })).toEqual({ status: 401, reason: 'expired' })
    expect(server.endpoint.questions).toHaveLength(0)
  })
})
