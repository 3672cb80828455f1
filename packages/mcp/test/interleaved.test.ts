import { setTimeout as delay } from 'node:timers/promises'
import { createIdentity } from '@onbehalf/core'
import { currentIdentity, identityOf, protect, requireOrg } from '@onbehalf/mcp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { callers, makeIdentity } from './support/callers.ts'
import { makeServer, reply } from './support/make-server.ts'
import { call, generations, list, wire } from './support/raw.ts'
import { type Running, runtimes } from './support/runtimes.ts'

const people = 200
const organizations = 20

const crowd = Array.from({ length: people }, (_, index) => {
  const organization = { id: `org-${index % organizations}`, roles: [] }
  return makeIdentity({ subject: `person-${index}`, organization, organizations: [organization] })
})

beforeAll(() => {
  for (const identity of crowd) callers.set(identity.subject, createIdentity(identity))
})
afterAll(() => {
  for (const { subject } of crowd) callers.delete(subject)
})

const orgId = z.object({ orgId: z.string(), waitMs: z.number() })

const whose = requireOrg(
  { match: (args: z.infer<typeof orgId>) => args.orgId },
  async ({ waitMs }: z.infer<typeof orgId>, ctx) => {
    const before = currentIdentity()?.subject
    await delay(waitMs)
    const { identity } = ctx
    return reply(
      [
        identity.subject,
        identity.organization.id,
        before,
        currentIdentity()?.subject,
        identityOf(ctx)?.subject,
      ].join(' '),
    )
  },
)

describe.each(generations)('one session of a %s server that many people share', (generation) => {
  test('tells every call whose it is', async () => {
    const server = protect(makeServer(generation), { trackIdentity: true })
    server.registerTool('whose', { inputSchema: orgId }, whose as never)
    const line = await wire(generation, server)
    for (const [index, { subject, organization }] of crowd.entries()) {
      const args = { orgId: organization?.id, waitMs: (index * 7) % 30 }
      line.send(call(index, 'whose', args), subject)
      line.send(call(`x${index}`, 'whose', { ...args, orgId: 'org-of-another' }), subject)
      if (index % 10 === 0) line.send(list(`l${index}`), subject)
    }
    const expected = crowd.length * 2 + Math.ceil(crowd.length / 10)
    for (let round = 0; round < 200 && line.received.length < expected; round++) await line.settle()
    const answers = new Map(line.received.map((answer) => [answer.id, answer.result]))
    for (const [index, { subject, organization }] of crowd.entries()) {
      expect(answers.get(index)).toMatchObject(
        reply([subject, organization?.id, subject, subject, subject].join(' ')),
      )
      expect(answers.get(`x${index}`)).toMatchObject({ isError: true })
    }
  })
})

// One client of each server's own generation: the callers are what matters here.
const servers = runtimes.filter(
  ({ name }) => /^(v[12]) .*, \1 client$/.test(name) && !/memory/.test(name),
)

describe.each(servers)('$name', ({ start }) => {
  let server: Running

  beforeAll(async () => {
    server = await start({
      before: (made) => {
        const v1 = made as ReturnType<typeof makeServer>
        v1.registerTool('whose', { inputSchema: orgId }, whose as never)
      },
    })
  })
  afterAll(() => server.close(), 60_000)

  test(`tells ${people} interleaved callers apart`, async () => {
    const clients = await Promise.all(crowd.map(({ subject }) => server.connect(subject)))
    const outcomes = await Promise.all(
      clients.map((client, index) =>
        client.call('whose', {
          orgId: crowd[index]?.organization?.id,
          waitMs: (index * 7) % 30,
        }),
      ),
    )
    const expected = crowd.map(({ subject, organization }) => ({
      kind: 'text',
      text: [subject, organization?.id, subject, subject, subject].join(' '),
    }))
    expect(outcomes).toEqual(expected)
  }, 120_000)
})
