import { createAuthenticator, direct } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { expectRefused } from '../support/expect-refused.ts'
import { bearer, canary, clock, createPeople, type Party, resource } from '../support/world.ts'

let people: Party
beforeAll(async () => {
  people = await createPeople()
})

describe('a schema for claims', () => {
  const withSchema = (claims: z.ZodType) =>
    createAuthenticator({
      resource,
      clock,
      sources: [direct({ issuer: people.issuer({ schema: claims }) })],
    })

  it('makes the claims of the identity, frozen', async () => {
    const claims = z.object({ plan: z.string(), seats: z.coerce.number().default(1) })
    const token = await people.token({ plan: 'gold' })
    const identity = await withSchema(claims).authenticate(bearer(token))
    expect(identity.claims).toEqual({ plan: 'gold', seats: 1 })
    expect(Object.isFrozen(identity.claims)).toBe(true)
  })

  it('may be asynchronous', async () => {
    const claims = z.object({ plan: z.string().refine(async (plan) => plan === 'gold') })
    const [gold, tin] = [await people.token({ plan: 'gold' }), await people.token({ plan: 'tin' })]
    expect((await withSchema(claims).authenticate(bearer(gold))).claims).toEqual({ plan: 'gold' })
    await expectRefused(
      () => withSchema(claims).authenticate(bearer(tin)),
      { code: 'TOK', reason: 'claims_schema' },
      tin,
    )
  })

  it.each([undefined, null, 7, {}])('refuses a token that does not match: %j', async (plan) => {
    const token = await people.token({ plan, email: 'jane-canary@acme.example' })
    await expectRefused(
      () => withSchema(z.object({ plan: z.string() })).authenticate(bearer(token)),
      { code: 'TOK', reason: 'claims_schema' },
      token,
      canary,
      'jane-canary@acme.example',
    )
  })

  it('does not see an e-mail address that nobody verified', async () => {
    const token = await people.token({ email: 'jane@acme.example' })
    await expectRefused(
      () => withSchema(z.object({ email: z.string() })).authenticate(bearer(token)),
      {
        code: 'TOK',
        reason: 'claims_schema',
      },
    )
  })

  it('is at fault for this server when it fails, and nothing of the claims shows', async () => {
    const claims = z.unknown().transform((value) => {
      throw new Error(JSON.stringify(value))
    })
    const token = await people.token()
    await expectRefused(
      () => withSchema(claims).authenticate(bearer(token)),
      { code: 'DOWN', reason: 'claims_schema_failed' },
      token,
      canary,
    )
  })
})
