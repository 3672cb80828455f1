import { describe, expect, it } from 'vitest'
import {
  type Connect,
  connectLegacy,
  connectModern,
  connectV1,
  type McpClient,
} from './support/clients.ts'
import { crowd, organizations, type Person, people } from './support/crowd.ts'
import { serveV1, serveV2 } from './support/shared-servers.ts'
import { createWhose, type Telling } from './support/whose.ts'

const calls = 2000
const callsEach = calls / people

/** Every other person by another revision of the protocol. */
const bothEras = (index: number): Connect => (index % 2 === 0 ? connectModern : connectLegacy)
const ownSession = (): Connect => connectV1

describe.each([
  ['SDK v2, called by both kinds of revisions', serveV2, bothEras],
  ['SDK v1, with a session each', serveV1, ownSession],
] as const)('C11 one server of %s', (kind, serve, connectAs) => {
  it(`C11 distinguishes ${calls} calls of ${people} users of ${organizations} organizations`, async () => {
    const whose = createWhose(people)
    const url = await serve(whose)
    const found = await Promise.all(
      crowd.map(async (person, index) => {
        const client = await connectAs(index)(url, person.headers)
        const own = await callAs(client, person)
        await client.close()
        return own
      }),
    )
    const answered = found.reduce((sum, { answered: own }) => sum + own, 0)
    const mixUps = found.flatMap(({ wrong }) => wrong)
    console.log(`C11 ${kind}: ${answered} calls, ${whose.most} at once, ${mixUps.length} mix-ups`)
    expect(mixUps).toEqual([])
    expect(answered).toBe(calls)
    expect(whose.most).toBe(people)
  }, 120_000)
})

interface Found {
  readonly answered: number
  readonly wrong: readonly string[]
}

/** One person's calls, one after the other, and everything in the answers that is not theirs. */
async function callAs(client: McpClient, person: Person): Promise<Found> {
  const { name, organization, gateway } = person
  const caller = `${name} of ${organization} through ${gateway}`
  const wrong: string[] = []
  let answered = 0
  for (let call = 0; call < callsEach; call++) {
    const nonce = `${name}/${call}`
    const { text, refused } = await client.call('whose', { nonce, orgId: organization })
    if (refused === undefined) answered += 1
    else wrong.push(`${caller}: refused, ${refused}`)
    wrong.push(...othersIn(text, { nonce, caller }))
  }
  const foreign = `org-${(crowd.indexOf(person) + 1) % organizations}`
  const { refused } = await client.call('whose', { nonce: name, orgId: foreign })
  if (refused !== 'org_mismatch') wrong.push(`${caller}: let into ${foreign}`)
  return { answered, wrong }
}

function othersIn(text: string, own: { nonce: string; caller: string }): readonly string[] {
  const { nonce, callers } = JSON.parse(text) as Telling
  const others = callers.filter((caller) => caller !== own.caller)
  const answers = nonce === own.nonce ? [] : [`answer to ${nonce}`]
  const none = callers.length === 0 ? ['nobody'] : []
  return [...others, ...answers, ...none].map((other) => `${own.caller}: ${other}`)
}
