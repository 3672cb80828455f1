import { createHash } from 'node:crypto'
import {
  type AuditRefusal,
  type AuthenticatorOptions,
  createAuthenticator,
  direct,
  forwarded,
  IdentityError,
  type Source,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused, thrownBy } from '../support/expect-refused.ts'
import {
  bearer,
  clock,
  createGateway,
  createPeople,
  now,
  type Party,
  resource,
} from '../support/world.ts'

let people: Party
let gateway: Party
beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
})

function createRecorder(fail?: () => never) {
  const refusals: AuditRefusal[] = []
  const refusal = async (refused: AuditRefusal): Promise<void> => {
    fail?.()
    refusals.push(refused)
  }
  // An authenticator records refusals alone.
  const intent = () => Promise.reject(new Error('An authenticator begins no calls'))
  return { refusals, audit: { intent, refusal, close: async () => {} } }
}

function withAudit(audit: AuthenticatorOptions<readonly Source[]>['audit']) {
  return createAuthenticator({
    resource,
    clock,
    sources: [direct({ issuer: people.issuer() })] as readonly Source[],
    ...(audit && { audit }),
  })
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')

describe('an authenticator with an audit trail', () => {
  it('records nothing of what it accepts', async () => {
    const { audit, refusals } = createRecorder()
    await withAudit(audit).authenticate(bearer(await people.token()))
    expect(refusals).toEqual([])
  })

  it('records why it refused, with a hash of the token and never the token', async () => {
    const { audit, refusals } = createRecorder()
    const token = await people.token({ exp: now - 3600 })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const { headers } = bearer(token)
    const request = { method: 'POST', headers: { ...headers, traceparent } }
    const expected = { code: 'TOK', reason: 'expired' } as const
    await expectRefused(() => withAudit(audit).authenticate(request), expected, token)
    expect(refusals).toMatchObject([
      {
        method: 'HTTP POST',
        error: { code: 'TOK', reason: 'expired' },
        credentialHash: sha256(token),
        traceparent,
      },
    ])
    expect(JSON.stringify(refusals)).not.toContain(token.split('.')[1])
  })

  it('records a refusal in the trail that comes with a request, and notifies its observer', async () => {
    const { audit, refusals } = createRecorder()
    const events: unknown[] = []
    const onEvent = (event: unknown) => void events.push(event)
    const authenticator = withAudit(undefined)
    await expectRefused(() => authenticator.authenticate({ headers: {} }, { audit, onEvent }), {
      code: 'MISSING',
      reason: 'no_credential',
    })
    expect(refusals).toHaveLength(1)
    expect(events).toMatchObject([{ type: 'refused', reason: 'no_credential' }])
  })

  it('records a refusal once if it has its own trail', async () => {
    const own = createRecorder()
    const other = createRecorder()
    const request = { headers: {} }
    const refused = withAudit(own.audit).authenticate(request, { audit: other.audit })
    await expect(refused).rejects.toThrow(IdentityError)
    expect([own.refusals.length, other.refusals.length]).toEqual([1, 0])
  })

  it('names the token of the person where a gateway sent one beside its own', async () => {
    const { audit, refusals } = createRecorder()
    const authenticator = createAuthenticator({
      resource,
      clock,
      audit,
      sources: [
        forwarded({
          header: 'x-user-token',
          issuer: people.issuer(),
          gateway: gateway.issuer(),
          bind: 'audience',
        }),
      ],
    })
    const person = await people.token({ exp: now - 3600 })
    const headers = { ...bearer(await gateway.token()).headers, 'x-user-token': person }
    await thrownBy(() => authenticator.authenticate({ headers }))
    expect(refusals[0]).toMatchObject({ method: 'authenticate', credentialHash: sha256(person) })
  })

  it.each([
    ['without a credential', {}, 'MISSING', 'no_credential'],
    ['with two tokens', { authorization: ['Bearer a', 'Bearer b'] }, 'REQ', 'duplicate_header'],
  ] as const)('records a request %s', async (_what, headers, code, reason) => {
    const { audit, refusals } = createRecorder()
    await expectRefused(() => withAudit(audit).authenticate({ headers }), { code, reason })
    expect(refusals).toMatchObject([{ error: { code, reason } }])
    expect(refusals[0]?.credentialHash).toBeUndefined()
  })

  it('answers AUDIT for a refusal that a strict trail cannot record', async () => {
    const { audit } = createRecorder(() => {
      throw new IdentityError('AUDIT', { reason: 'audit_unavailable' })
    })
    const expected = { code: 'AUDIT', reason: 'audit_unavailable' } as const
    await expectRefused(() => withAudit(audit).authenticate({ headers: {} }), expected)
  })

  it('refuses as DOWN when the trail itself breaks', async () => {
    const { audit } = createRecorder(() => {
      throw new Error('a bug')
    })
    const expected = { code: 'DOWN', reason: 'internal_error' } as const
    await expectRefused(() => withAudit(audit).authenticate({ headers: {} }), expected)
  })

  it('takes nothing else for a trail', () => {
    expect(() => withAudit({} as never)).toThrow(new TypeError('audit.refusal must be a function'))
  })
})

describe('a token without an id', () => {
  it('is named by its hash', async () => {
    const token = await people.token({ jti: undefined })
    const identity = await withAudit(undefined).authenticate(bearer(token))
    expect(identity.tokenId).toBeUndefined()
    expect(identity.tokenHash).toBe(sha256(token))
  })

  it('has no hash where it has an id', async () => {
    const token = await people.token({ jti: 'token-1' })
    const identity = await withAudit(undefined).authenticate(bearer(token))
    expect([identity.tokenId, identity.tokenHash]).toEqual(['token-1', undefined])
  })
})
