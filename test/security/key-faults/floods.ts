import type { RequestListener } from 'node:http'
import { after, hang, status } from './faulty-issuer.ts'
import type { Findings, Scenario } from './findings.ts'
import { onStage, type Seen, type Stage } from './stage.ts'

const burst = 2
const periodSeconds = 30

export const floodHealthy: Scenario = {
  id: 'E3',
  title: 'a flood of unknown kids on a healthy endpoint costs a fetch per 30 seconds',
  run: (found) =>
    onStage({}, async (stage) => {
      await stage.call()
      const calm = await goodCalls(stage, 200)
      stage.advance(60)
      // Slow on purpose: a good call that waited for a fetch would show it.
      stage.idp.answerKeys(after(800, stage.idp.publishedKeys))
      const flood = await floodFor(stage, { seconds: 10, calls: 10_000 })
      found.equal('10,000 unknown kids in 10 s: answers', flood.answers, [401, 503])
      found.equal('good calls meanwhile', flood.goodAnswers, [200])
      found.atMost('fetches in 10 s', flood.fetches, burst)
      const [before, during] = [p99(calm), p99(flood.good)]
      found.atMost(`p99 of good calls, ms (calm: ${before})`, during, 500)

      stage.idp.answerKeys(stage.idp.publishedKeys)
      const long = await floodFor(stage, { seconds: 590, calls: 3000 })
      found.equal('good calls in 10 minutes of it', long.goodAnswers, [200])
      const limit = burst + 600 / periodSeconds
      found.atMost('fetches in 10 minutes', flood.fetches + long.fetches, limit)
      found.equal('what operators are told', lookUps(stage), { again: true, spent: true })
    }),
}

export const floodFailing: Scenario = {
  id: 'E4',
  title: 'a flood of unknown kids on a failing endpoint costs a fetch per 30 seconds',
  run: async (found) => {
    await playFailing(found, { name: 'status 500', answer: status(500), calls: 10_000 })
    await playFailing(found, { name: 'hang', answer: hang, calls: 1000 })
    await playFailing(found, { name: 'refused connections', answer: undefined, calls: 1000 })
  },
}

interface Failing {
  readonly name: string
  /** Without one, nobody listens. */
  readonly answer: RequestListener | undefined
  readonly calls: number
}

async function playFailing(found: Findings, { name, answer, calls }: Failing): Promise<void> {
  await onStage({}, async (stage) => {
    await stage.call()
    if (answer === undefined) await stage.idp.stop()
    else stage.idp.answerKeys(answer)
    const flood = await floodFor(stage, { seconds: 10, calls })
    found.equal(`${name}, ${calls} unknown kids in 10 s: answers`, flood.answers, [503])
    found.equal(`${name}: good calls meanwhile`, flood.goodAnswers, [200])
    found.atMost(`${name}: fetches in 10 s`, flood.fetches, burst)
    const long = await floodFor(stage, { seconds: 290, calls: 300 })
    const limit = burst + 300 / periodSeconds
    found.equal(`${name}: good calls in 5 minutes`, long.goodAnswers, [200])
    found.atMost(`${name}: fetches in 5 minutes`, flood.fetches + long.fetches, limit)
  })
}

export const floodRefusedCheaply: Scenario = {
  id: 'E5',
  title: 'tokens that are wrong anyway cause no fetch',
  run: (found) =>
    onStage({}, async (stage) => {
      for (const [name, token] of Object.entries(wrongAnyway(stage))) {
        const seen = await Promise.all(Array.from({ length: 100 }, () => stage.send(token)))
        found.equal(name, [...new Set(seen.map(({ status: code }) => code))], [401])
      }
      found.equal('fetches', stage.fetches, 0)
    }),
}

function wrongAnyway(stage: Stage): Record<string, string> {
  const { exp } = JSON.parse(
    Buffer.from(String(stage.token().split('.')[1]), 'base64url').toString(),
  ) as { exp: number }
  return {
    'another issuer': stage.token({ claims: { iss: 'https://elsewhere.example' } }),
    expired: stage.token({ claims: { iat: exp - 900, exp: exp - 600 } }),
    'another audience': stage.token({ claims: { aud: 'https://elsewhere.example/mcp' } }),
    'not valid yet': stage.token({ claims: { nbf: exp } }),
    'without expiry': stage.token({ claims: { exp: undefined } }),
    'without kid': stage.token({ header: { kid: undefined } }),
    'another algorithm': stage.token({ header: { alg: 'ES512' } }),
    'an ID token': stage.token({ claims: { nonce: 'n' } }),
    oversize: stage.token({ claims: { padding: 'x'.repeat(20_000) } }),
    'no token at all': 'x.y.z',
  }
}

interface Flood {
  /** Different statuses that the flood got. */
  readonly answers: readonly number[]
  readonly goodAnswers: readonly number[]
  readonly good: readonly Seen[]
  /** Fetches that it caused. */
  readonly fetches: number
}

/** Sends unknown kids, 25 at a time, and a good call with every 50th. */
async function floodFor(stage: Stage, size: { seconds: number; calls: number }): Promise<Flood> {
  const before = stage.fetches
  const answers = new Set<number>()
  const good: Seen[] = []
  const step = size.seconds / size.calls
  async function worker(first: number): Promise<void> {
    for (let at = first; at < size.calls; at += 25) {
      stage.advance(step)
      answers.add((await stage.callUnknown()).status)
      if (first === 0 && at % 50 === 0) good.push(await stage.call())
    }
  }
  await Promise.all(Array.from({ length: 25 }, (_, first) => worker(first)))
  await stage.idle()
  const goodAnswers = [...new Set(good.map(({ status: code }) => code))]
  return {
    answers: [...answers].toSorted((a, b) => a - b),
    goodAnswers,
    good,
    fetches: stage.fetches - before,
  }
}

async function goodCalls(stage: Stage, count: number): Promise<readonly Seen[]> {
  const seen: Seen[] = []
  for (let at = 0; at < count; at++) seen.push(await stage.call())
  return seen
}

function p99(seen: readonly Seen[]): number {
  const sorted = seen.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  return Math.round(sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0)
}

function lookUps(stage: Stage): { again: boolean; spent: boolean } {
  const unknown = stage.events.filter((event) => event.type === 'key_unknown')
  return {
    again: unknown.some(({ lookedAgain }) => lookedAgain),
    spent: unknown.some(({ lookedAgain }) => !lookedAgain),
  }
}
