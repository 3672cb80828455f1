import { jwksKeys } from '../../../packages/core/src/keys/remote-keys.ts'
import type { Findings, Scenario } from './findings.ts'
import { onStage, type Stage } from './stage.ts'

export const clockJumps: Scenario = {
  id: 'E14',
  title: 'jumps of the system clock change no age',
  run: async (found) => {
    await onStage({}, (stage) => jumpInjectedClock(found, stage))
    await onStage({}, (stage) => jumpSystemClock(found, stage))
  },
}

async function jumpInjectedClock(found: Findings, stage: Stage): Promise<void> {
  await stage.call()
  for (const jump of [-3600, 3600, 3600, -3600, 86_400]) {
    stage.jump(jump)
    found.equal(`clock ${jump} s: a token of that time, fetches`, await good(stage), [200, 1])
  }
  stage.advance(425)
  await stage.call()
  await stage.idle()
  found.equal('fetches when the set is due', stage.idp.keyRequests, 2)
}

/** The clock that is used when none is given. */
async function jumpSystemClock(found: Findings, stage: Stage): Promise<void> {
  const { now } = Date
  const keys = jwksKeys(stage.idp.jwksUri)
  await keys.ready(() => {})
  try {
    for (const jump of [-3600, 3600, 86_400]) {
      Date.now = () => now() + jump * 1000
      await keys.ready(() => {})
      found.equal(`Date.now ${jump} s: fetches`, stage.idp.keyRequests, 1)
    }
  } finally {
    Date.now = now
  }
}

async function good(stage: Stage): Promise<readonly [answer: number, fetches: number]> {
  const { status } = await stage.call()
  return [status, stage.idp.keyRequests]
}

export const parallelStart: Scenario = {
  id: 'E15',
  title: '1000 first calls at once cause one fetch',
  run: async (found) => {
    await onStage({}, async (stage) => {
      await callAtOnce(found, stage, 'a JWKS address')
      found.equal('fetches', stage.idp.keyRequests, 1)
    })
    await onStage({ keys: 'discovery' }, async (stage) => {
      await callAtOnce(found, stage, 'discovery')
      const { metadataRequests, keyRequests } = stage.idp
      found.equal('fetches of metadata and keys', [metadataRequests, keyRequests], [1, 1])
    })
    await onStage({}, async (stage) => {
      await Promise.all(Array.from({ length: 1000 }, () => stage.callUnknown()))
      found.atMost('1000 first calls with unknown kids: fetches', stage.idp.keyRequests, 1 + 2)
    })
  },
}

async function callAtOnce(found: Findings, stage: Stage, name: string): Promise<void> {
  const seen = await Promise.all(Array.from({ length: 1000 }, () => stage.call()))
  found.equal(`${name}: answers`, [...new Set(seen.map(({ status }) => status))], [200])
}
