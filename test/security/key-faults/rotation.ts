import { createKey } from '../support/keys.ts'
import { hang } from './faulty-issuer.ts'
import type { Findings, Scenario } from './findings.ts'
import { onStage, type Stage } from './stage.ts'

const [second, third, fourth] = [
  createKey('ES256', 'second'),
  createKey('ES256', 'third'),
  createKey('ES256', 'fourth'),
] as const

export const rotated: Scenario = {
  id: 'E6',
  title: 'a new key is accepted at once, and a flood of unknown kids does not starve it',
  run: async (found) => {
    await onStage({}, (stage) => rotateInCalm(found, stage))
    await onStage({}, (stage) => rotateInFlood(found, stage))
  },
}

async function rotateInCalm(found: Findings, stage: Stage): Promise<void> {
  await stage.call()
  stage.advance(1)
  stage.idp.publish(stage.key, second)
  found.equal('new key, 1 s after a fetch', (await stage.call(second)).status, 200)
  stage.advance(1)
  stage.idp.publish(second, third)
  found.equal('another one, 1 s later', (await stage.call(third)).status, 200)
  found.equal('the key that was replaced', (await stage.call()).status, 401)
  stage.idp.publish(third, fourth)
  const lag = await secondsUntilAccepted(stage, () => stage.call(fourth))
  found.atMost('a third one: seconds until accepted', lag, 30)
  found.equal('fetches in all', stage.idp.keyRequests, 4)
}

async function rotateInFlood(found: Findings, stage: Stage): Promise<void> {
  await stage.call()
  for (let at = 0; at < 100; at++) {
    await stage.callUnknown()
    stage.advance(0.1)
  }
  stage.idp.publish(stage.key, second)
  const lag = await secondsUntilAccepted(stage, async () => {
    for (let at = 0; at < 10; at++) await stage.callUnknown()
    return stage.call(second)
  })
  found.atMost('amid a flood: seconds until accepted', lag, 30)
}

async function secondsUntilAccepted(
  stage: Stage,
  call: () => ReturnType<Stage['call']>,
): Promise<number> {
  for (let seconds = 0; seconds < 600; seconds++) {
    if ((await call()).status === 200) return seconds
    stage.advance(1)
  }
  return Number.POSITIVE_INFINITY
}

export const withdrawn: Scenario = {
  id: 'E7',
  title: 'a withdrawn key dies within the refresh interval, on a busy and on an idle server',
  run: async (found) => {
    await onStage({}, (stage) => withdrawWhileBusy(found, stage))
    await onStage({}, (stage) => withdrawWhileIdle(found, stage))
    await onStage({}, (stage) => withdrawAfterOutage(found, stage))
  },
}

async function withdrawWhileBusy(found: Findings, stage: Stage): Promise<void> {
  stage.idp.publish(stage.key, second)
  await stage.call()
  stage.advance(1)
  stage.idp.publish(second)
  const [seconds, kept] = [1, new Set<number>()]
  let died = seconds
  while ((await stage.call()).status === 200 && died < 3600) {
    kept.add((await stage.call(second)).status)
    await stage.idle()
    stage.advance(10)
    died += 10
  }
  found.atMost('busy: seconds until the withdrawn key is refused', died, 600)
  found.equal('busy: the key that stays', [...kept], [200])
}

async function withdrawWhileIdle(found: Findings, stage: Stage): Promise<void> {
  stage.idp.publish(stage.key, second)
  await stage.call()
  stage.idp.publish(second)
  stage.advance(601)
  found.equal('idle for 601 s: the first call with it', (await stage.call()).status, 401)
  found.equal('idle for 601 s: the key that stays', (await stage.call(second)).status, 200)
}

/** A failure is no excuse for ever: what was heard of a source grows old as well. */
async function withdrawAfterOutage(found: Findings, stage: Stage): Promise<void> {
  stage.idp.publish(stage.key, second)
  await stage.call()
  stage.idp.answerKeys(hang)
  stage.advance(601)
  found.equal('in an outage', (await stage.call()).status, 200)
  stage.idp.publish(second)
  stage.idp.answerKeys(stage.idp.publishedKeys)
  stage.advance(3600)
  found.equal('an idle hour after an outage', (await stage.call()).status, 401)
}
