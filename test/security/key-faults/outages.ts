import { after, drip, hang, stall, status } from './faulty-issuer.ts'
import type { Findings, Scenario } from './findings.ts'
import type { Seen, Stage, StageOptions } from './stage.ts'
import { onStage } from './stage.ts'

const day = 86_400

export const downAfterStart: Scenario = {
  id: 'E1',
  title: 'keys that went down after start serve for the stale period, with a growing pause',
  run: async (found) => {
    await onStage({}, async (stage) => {
      await stage.call()
      stage.idp.answerKeys(status(500))
      // The set is due at 70 % of 600 seconds; from there on each failure is timed.
      stage.advance(420)
      const refused = { early: await countRefused(stage, { seconds: 130, step: 0.5 }), late: 0 }
      const attempts = stage.idp.keyRequests - 1
      found.equal('attempts in the first 130 s (0, 1, 3, 7, 15, 31, 63, 123 s)', attempts, 8)
      refused.late = await countRefused(stage, { seconds: 600 + day - 420 - 140, step: 40 })
      found.equal('refused good calls in 24 h of outage', refused, { early: 0, late: 0 })
      found.atMost('fetches in 24 h of outage', stage.idp.keyRequests - 1, 8 + day / 60 + 10)
      reportsStale(found, stage)

      stage.advance(20)
      downAnswer(found, 'after the stale period', await stage.call())
      stage.idp.answerKeys(stage.idp.publishedKeys)
      stage.advance(75)
      found.equal('when the keys are back', (await stage.call()).status, 200)
    })
    await refusedConnections(found)
  },
}

async function refusedConnections(found: Findings): Promise<void> {
  await onStage({}, async (stage) => {
    await stage.call()
    await stage.idp.stop()
    stage.advance(420)
    const refused = await countRefused(stage, { seconds: 3600, step: 10 })
    found.equal('refused good calls in 1 h of refused connections', refused, 0)
    found.atMost('connections tried in that hour', stage.fetches - 1, 8 + 60)
    await stage.idp.start()
    stage.advance(75)
    await stage.call()
    await stage.idle()
    found.equal('requests after the issuer is back', stage.idp.keyRequests, 2)
  })
}

async function countRefused(stage: Stage, over: { seconds: number; step: number }) {
  let refused = 0
  for (let at = 0; at < over.seconds; at += over.step) {
    if ((await stage.call()).status !== 200) refused += 1
    await stage.idle()
    stage.advance(over.step)
  }
  return refused
}

function reportsStale(found: Findings, stage: Stage): void {
  const failed = stage.events.filter((event) => event.type === 'keys_failed')
  const { reason, serving, failures } = failed.at(-1) ?? {}
  found.equal(
    'what operators are told',
    { reason, serving },
    { reason: 'status_500', serving: 'stale' },
  )
  found.equal('failures they are told', failures, failed.length)
}

export const downAtStart: Scenario = {
  id: 'E2',
  title: 'keys that are down at a cold start answer 503 and are asked once, not once a call',
  run: async (found) => {
    await onStage({}, async (stage) => {
      stage.idp.answerKeys(after(50, status(500)))
      const first = await Promise.all(Array.from({ length: 100 }, () => stage.call()))
      found.equal('100 calls at once: answers', statusesOf(first), [503])
      found.equal('100 calls at once: fetches', stage.idp.keyRequests, 1)
      downAnswer(found, 'at a cold start', first[0] as Seen)
      await Promise.all(Array.from({ length: 100 }, () => stage.call()))
      found.equal('100 more within the pause: fetches', stage.idp.keyRequests, 1)
      found.equal('ready', await readiness(stage), 'DOWN')
      stage.advance(1.3)
      await Promise.all(Array.from({ length: 100 }, () => stage.call()))
      found.equal('100 more after the pause: fetches', stage.idp.keyRequests, 2)
      stage.idp.answerKeys(stage.idp.publishedKeys)
      stage.advance(2.6)
      found.equal('when the keys are there: ready', await readiness(stage), 'ready')
      found.equal('when the keys are there: answer', (await stage.call()).status, 200)
      found.equal('a bad token, then', (await stage.send(`${stage.token()}A`)).status, 401)
    })
  },
}

export const slowAnswers: Scenario = {
  id: 'E8',
  title: 'keys that hang or drip are given up in time while known keys serve',
  run: async (found) => {
    const slow = { hang, drip, stall }
    await Promise.all([
      ...Object.entries(slow).map(([name, answer]) =>
        onStage({ timeoutSeconds: 4 }, (stage) => playSlow(found, stage, { name, answer })),
      ),
      onStage({ timeoutSeconds: 4 }, (stage) => idleAndSlow(found, stage)),
      onStage(discovered, (stage) => slowTwice(found, stage)),
      onStage(deaf, (stage) => neverSettles(found, stage)),
    ])
  },
}

async function playSlow(
  found: Findings,
  stage: Stage,
  { name, answer }: { name: string; answer: typeof hang },
): Promise<void> {
  stage.idp.answerKeys(answer)
  const cold = await stage.call()
  found.equal(`${name}, cold start`, cold.status, 503)
  found.atMost(`${name}, cold start: milliseconds`, Math.round(cold.milliseconds), 5000)
  await closed(found, stage, name)
  stage.idp.answerKeys(stage.idp.publishedKeys)
  stage.advance(2)
  await stage.call()
  stage.idp.answerKeys(answer)
  stage.advance(420)
  const meanwhile = [await stage.call(), await stage.call(), await stage.call()]
  found.equal(`${name}, meanwhile`, statusesOf(meanwhile), [200])
  found.atMost(`${name}, meanwhile: milliseconds`, slowest(meanwhile), 1000)
  found.equal(`${name}, meanwhile: fetches`, stage.idp.keyRequests, 3)
}

/** An idle server cannot know what its keys are worth: the first call waits, within the limit. */
async function idleAndSlow(found: Findings, stage: Stage): Promise<void> {
  await stage.call()
  stage.idp.answerKeys(hang)
  stage.advance(700)
  const first = await stage.call()
  found.equal('idle, then hang: first call', first.status, 200)
  found.atMost('idle, then hang: first call, milliseconds', Math.round(first.milliseconds), 5000)
  const later = await stage.call()
  found.equal('idle, then hang: later call', later.status, 200)
  found.atMost('idle, then hang: later call, milliseconds', Math.round(later.milliseconds), 1000)
}

const discovered: (idp: Stage['idp']) => StageOptions = () => ({
  keys: 'discovery',
  timeoutSeconds: 4,
})

async function slowTwice(found: Findings, stage: Stage): Promise<void> {
  const { origin, jwksUri } = stage.idp
  const metadata = JSON.stringify({ issuer: origin, jwks_uri: jwksUri })
  stage.idp.answerMetadata(after(3000, (_req, res) => void res.end(metadata)))
  stage.idp.answerKeys(after(3000, stage.idp.publishedKeys))
  const cold = await stage.call()
  found.equal('metadata and keys of 3 s each', cold.status, 503)
  found.atMost('metadata and keys, milliseconds', Math.round(cold.milliseconds), 5000)
}

/** A fetch that neither answers nor obeys its signal. */
const deaf: StageOptions = { timeoutSeconds: 1, fetch: () => new Promise<never>(() => {}) }

async function neverSettles(found: Findings, stage: Stage): Promise<void> {
  found.equal('a fetch that ignores its signal', (await stage.call()).status, 503)
  stage.advance(2)
  await stage.call()
  found.equal('a fetch that ignores its signal: asked again', stage.fetches, 2)
}

/** Who gives up hangs up: the issuer sees the connection of the request close. */
async function closed(found: Findings, stage: Stage, name: string): Promise<void> {
  for (let wait = 0; wait < 100 && stage.idp.unfinished > 0; wait++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  found.equal(`${name}: requests left open`, stage.idp.unfinished, 0)
}

function downAnswer(found: Findings, when: string, seen: Seen): void {
  const { status: code, challenge } = seen
  found.equal(`answer ${when}`, { code, challenge }, { code: 503, challenge: undefined })
  found.atLeast(`Retry-After ${when}`, Number(seen.retryAfter), 1)
  found.atMost(`Retry-After ${when}`, Number(seen.retryAfter), 75)
}

async function readiness(stage: Stage): Promise<string> {
  return stage.authenticator.ready().then(
    () => 'ready',
    (error: { code?: string }) => String(error.code),
  )
}

function statusesOf(seen: readonly Seen[]): readonly number[] {
  return [...new Set(seen.map(({ status: code }) => code))]
}

function slowest(seen: readonly Seen[]): number {
  return Math.round(Math.max(...seen.map(({ milliseconds }) => milliseconds)))
}
