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
export type { AuditSink, SinkLike } from './sink.ts'
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
} from './trail-types.ts'
