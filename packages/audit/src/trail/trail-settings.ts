import type { AuditCall } from '@onbehalf/core'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { createKeyedHash, type KeyedHash } from '../capture/encode-value.ts'
import { compileRedaction, type Redaction, type RedactionRoot } from '../capture/redaction.ts'
import type { AuditEvent } from '../event.ts'
import type { AuditLevel, AuditLevels, AuditTrailOptions } from './trail-types.ts'

/** Checked options of what goes into an event. */
export interface CaptureSettings {
  readonly hash: KeyedHash
  readonly levelOf: (call: AuditCall) => AuditLevel
  readonly redaction: Readonly<Record<RedactionRoot, Redaction>>
  readonly maxValueLength: number
  readonly server: AuditEvent['server']
  /** Seconds since 1970. */
  readonly clock: () => number
}

const optionNames: OptionNames<AuditTrailOptions> = {
  sink: true,
  mode: true,
  key: true,
  levels: true,
  redact: true,
  maxValueLength: true,
  maxPending: true,
  timeoutSeconds: true,
  server: true,
  clock: true,
  onError: true,
}

const levelNames: OptionNames<AuditLevels> = { default: true, methods: true, tools: true }

/** @throws TypeError for options that are wrong */
export function captureSettings(options: AuditTrailOptions): CaptureSettings {
  assertOptions('createAuditTrail', options, optionNames)
  const { key, levels = {}, redact = [], maxValueLength = 16_384, server } = options
  if (!(maxValueLength > 0)) throw new TypeError('maxValueLength must be positive')
  return {
    hash: createKeyedHash(key),
    levelOf: createLevels(levels),
    redaction: compileRedaction(redact),
    maxValueLength,
    server: server && { name: server.name, version: server.version },
    clock: options.clock ?? (() => Date.now() / 1000),
  }
}

const known: ReadonlySet<unknown> = new Set<AuditLevel>([
  'none',
  'metadata',
  'arguments',
  'arguments+result',
])

function createLevels(levels: AuditLevels): (call: AuditCall) => AuditLevel {
  assertOptions('levels', levels, levelNames)
  const fallback = levels.default ?? 'metadata'
  const tools = new Map(Object.entries(levels.tools ?? {}))
  const methods = new Map(Object.entries(levels.methods ?? {}))
  for (const level of [fallback, ...tools.values(), ...methods.values()]) {
    if (!known.has(level)) throw new TypeError('levels holds an unknown level')
  }
  return ({ method, target }) =>
    (target?.kind === 'tool' ? tools.get(target.name) : undefined) ??
    methods.get(method) ??
    fallback
}
