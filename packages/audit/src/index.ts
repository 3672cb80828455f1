// Events
export type {
  AuditCredential,
  AuditDecision,
  AuditEvent,
  AuditEventType,
  AuditOutcome,
  AuditPrincipal,
  AuditTarget,
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
export type { LogRecord } from './log/record-line.ts'
export type { AuditSink, SinkLike } from './sinks/sink.ts'
export { createAuditTrail } from './trail/create-audit-trail.ts'
// Recording
export type {
  AuditCall,
  AuditIntent,
  AuditLevel,
  AuditLevels,
  AuditRefusal,
  AuditResult,
  AuditTrail,
  AuditTrailOptions,
} from './trail/trail-types.ts'
