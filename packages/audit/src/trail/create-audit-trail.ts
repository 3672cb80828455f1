import { randomUUID } from 'node:crypto'
import type { AuditCall, AuditIntent, AuditOutcome, AuditTrail } from '@onbehalf/core'
import type { AuditEvent } from '../event.ts'
import {
  buildExchange,
  buildIntent,
  buildRefusal,
  buildResult,
  millisecondsSince,
} from './build-event.ts'
import { Recorder } from './recorder.ts'
import { type CaptureSettings, captureSettings } from './trail-settings.ts'
import type { AuditLevel, AuditTrailOptions } from './trail-types.ts'

/**
 * Makes a trail that records calls to a sink: an intent before the handler runs, a result after it,
 * a refusal for what does not run.
 *
 * It does not decide, and it does not know whether an answer reached its caller.
 *
 * @throws TypeError for options that are wrong
 *
 * @example
 * ```ts
 * import { createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
 *
 * const trail = createAuditTrail({
 *   mode: 'strict',
 *   key: Buffer.from(process.env.AUDIT_KEY ?? '', 'base64'),
 *   sink: fileSink({ directory: './audit', signer: await localSigner('./audit-key.pem') }),
 * })
 * ```
 */
export function createAuditTrail(options: AuditTrailOptions): AuditTrail {
  const settings = captureSettings(options)
  const recorder = new Recorder(options)
  return {
    intent: (call) => recordIntent(settings, recorder, call),
    refusal: (refusal) => recordMade(recorder, () => buildRefusal(settings, refusal)),
    recordsValues: (call) => recordsValues(settings, call),
    close: () => recorder.close(),
  }
}

function recordsValues({ levelOf }: CaptureSettings, call: AuditCall): boolean {
  const level = levelOf(call)
  return level === 'arguments' || level === 'arguments+result'
}

function recordIntent(
  settings: CaptureSettings,
  recorder: Recorder,
  call: AuditCall,
): Promise<AuditIntent> {
  const level = settings.levelOf(call)
  if (level === 'none') return Promise.resolve(unrecorded())
  const started = call.receivedAt ?? performance.now()
  let event: AuditEvent | undefined
  const recorded = recordMade(recorder, () => (event = buildIntent(settings, call)))
  return recorded.then(() =>
    // In best-effort mode the call continues without an event that could not be made.
    event === undefined
      ? unrecorded()
      : openIntent(settings, recorder, { event, call, level, started }),
  )
}

function unrecorded(): AuditIntent {
  const nothing = () => Promise.resolve()
  return { id: randomUUID(), exchange: nothing, result: nothing }
}

/** What goes wrong while an event is made is a failure to record it. */
function recordMade(recorder: Recorder, make: () => AuditEvent): Promise<void> {
  let event: AuditEvent
  try {
    event = make()
  } catch (error) {
    return recorder.fail(error)
  }
  return recorder.record(event)
}

interface Started {
  readonly event: AuditEvent
  readonly call: AuditCall
  readonly level: AuditLevel
  /** Milliseconds of a clock that never goes back. */
  readonly started: number
}

function openIntent(
  settings: CaptureSettings,
  recorder: Recorder,
  { event, call, level, started }: Started,
): AuditIntent {
  let outcome: AuditOutcome | undefined
  let ended = Promise.resolve()
  return {
    id: event.id,
    exchange: (exchange) => recordMade(recorder, () => buildExchange(settings, event, exchange)),
    result: (result) => {
      // A handler may run on after its call was cancelled.
      const isNews =
        outcome === undefined || (outcome === 'cancelled' && result.outcome !== outcome)
      if (!isNews) return ended
      outcome = result.outcome
      const durationMs = millisecondsSince(started)
      ended = recordMade(recorder, () =>
        buildResult(settings, event, { call, level, result, durationMs }),
      )
      return ended
    },
  }
}
