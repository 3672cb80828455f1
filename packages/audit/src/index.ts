// Recording

export type {
  AuditCall,
  AuditIntent,
  AuditOutcome,
  AuditRefusal,
  AuditResult,
  AuditTarget,
  AuditTrail,
} from '@onbehalf/core'
export { createAuditTrail } from './trail/create-audit-trail.ts'
export type { AuditLevel, AuditLevels, AuditTrailOptions } from './trail/trail-types.ts'

// Events

export { visibleText } from './canonical/visible-text.ts'
export type {
  AuditCredential,
  AuditDecision,
  AuditEvent,
  AuditEventType,
  AuditPrincipal,
  AuditTrace,
  CapturedValue,
} from './event.ts'

// The log in files

export type { FileSink } from './file/file-sink.ts'
export { fileSink } from './file/file-sink.ts'
export type { FileSinkOptions } from './file/file-sink-settings.ts'

// Heads

export type { LogHead } from './heads/head.ts'
export type { Signer } from './heads/signer.ts'
export { localSigner } from './heads/signer.ts'

// Reading and verifying a log

export type { LogRecord } from './chain/record.ts'
export type { FollowLogOptions } from './log/follow-log.ts'
export { followLog } from './log/follow-log.ts'
export type { StoredRecord } from './log/read-log.ts'
export { readLog } from './log/read-log.ts'
export type { InclusionProof } from './verify/prove-event.ts'
export { checkProof, proveEvent } from './verify/prove-event.ts'
export type {
  ChainReport,
  Finding,
  FindingKind,
  LogReport,
  UnknownOutcome,
  Verdict,
} from './verify/report.ts'
export type { PublicKey, VerifyLogOptions } from './verify/verify-log.ts'
export { verifyLog } from './verify/verify-log.ts'

// Other places and forms

export type { OcsfApiActivity } from './ocsf/to-ocsf.ts'
export { toOcsf } from './ocsf/to-ocsf.ts'
export type { FanOutOptions, FanOutSink } from './sinks/fan-out.ts'
export { fanOut } from './sinks/fan-out.ts'
export type { AuditSink, SinkLike } from './sinks/sink.ts'
