import { badAnswers, badMembers, emptied } from './bad-answers.ts'
import { unsafeAddresses, wrongMetadata } from './configuration.ts'
import type { Scenario } from './findings.ts'
import { floodFailing, floodHealthy, floodRefusedCheaply } from './floods.ts'
import { downAfterStart, downAtStart, slowAnswers } from './outages.ts'
import { rotated, withdrawn } from './rotation.ts'
import { clockJumps, parallelStart } from './time-and-load.ts'

/** Every fault of a key source, in the order of the threat table. */
export const scenarios: readonly Scenario[] = [
  downAfterStart,
  downAtStart,
  floodHealthy,
  floodFailing,
  floodRefusedCheaply,
  rotated,
  withdrawn,
  slowAnswers,
  badAnswers,
  badMembers,
  emptied,
  unsafeAddresses,
  wrongMetadata,
  clockJumps,
  parallelStart,
]
