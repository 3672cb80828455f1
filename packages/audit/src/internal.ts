// The parts that every log is made of, for @onbehalf/postgres. Not public: they change in any
// release, without regard to semver.

export type { LinkedRecords } from './chain/batch.ts'
export { advance, EventBatch, LineBuffer, linkBatch } from './chain/batch.ts'
// Events that share a commit
export type { QueueLimits } from './chain/commit-queue.ts'
export { CommitQueue } from './chain/commit-queue.ts'
// Its heads
export type { KeepHead } from './chain/head-writer.ts'
export { HeadWriter } from './chain/head-writer.ts'
// Settings and time
export type { LogOptions, LogSettings } from './chain/log-settings.ts'
export { logOptionNames, logSettings, positiveNumbers } from './chain/log-settings.ts'
// The chain of records
export type { ChainState } from './chain/record.ts'
export { emptyChain, eventText } from './chain/record.ts'
export { headText } from './heads/head.ts'
// Verifying
export type {
  ChainEnd,
  HeadLines,
  LogSource,
  ScannedLine,
  TornEnd,
  Visit,
} from './log/log-source.ts'
export { scanTexts } from './log/log-source.ts'
export { verifySource } from './verify/verify-log.ts'
export { TooLate, within } from './within.ts'
