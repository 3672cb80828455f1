import { assertOptions, isRecord, type OptionNames } from '@onbehalf/core/internal'
import {
  type Meter,
  type MeterProvider,
  metrics,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { createPseudonyms, type NameUser, namePlainly } from './name-user.ts'

const scope = '@onbehalf/otel'

/** Settings of telemetry made from events. */
export interface OtelSinkOptions {
  /**
   * How spans name the user that a call is for; metrics never do.
   *
   * - `{ pseudonymKey }`: by `enduser.pseudo.id`, HMAC-SHA-256 of issuer and subject under a secret
   *   of at least 32 bytes. The same key names the same user alike in every process.
   * - `'clear-text'`: by `enduser.id`, the subject itself. That is personal data, and may be an
   *   address of e-mail.
   */
  readonly identity: { readonly pseudonymKey: Uint8Array } | 'clear-text'
  /** Whether metrics are kept apart by organization: one set of series for each. Default: false. */
  readonly organizationInMetrics?: boolean
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider
  /** Default: the global one, as it is when the sink is made. */
  readonly meterProvider?: MeterProvider
}

const optionNames: OptionNames<OtelSinkOptions> = {
  identity: true,
  organizationInMetrics: true,
  tracerProvider: true,
  meterProvider: true,
}

/** Checked settings. */
export interface SinkSettings {
  readonly tracer: Tracer
  readonly meter: Meter
  readonly nameUser: NameUser
  readonly organizationInMetrics: boolean
}

/** @throws TypeError for options that are wrong */
export function sinkSettings(options: OtelSinkOptions): SinkSettings {
  assertOptions('otelSink', options, optionNames)
  const { identity, organizationInMetrics = false } = options
  const { tracerProvider = trace.getTracerProvider() } = options
  const { meterProvider = metrics.getMeterProvider() } = options
  if (typeof organizationInMetrics !== 'boolean') {
    throw new TypeError('organizationInMetrics must be a boolean')
  }
  if (typeof tracerProvider?.getTracer !== 'function') {
    throw new TypeError('tracerProvider must have getTracer')
  }
  if (typeof meterProvider?.getMeter !== 'function') {
    throw new TypeError('meterProvider must have getMeter')
  }
  return {
    tracer: tracerProvider.getTracer(scope),
    meter: meterProvider.getMeter(scope),
    nameUser: userNaming(identity),
    organizationInMetrics,
  }
}

function userNaming(identity: OtelSinkOptions['identity']): NameUser {
  if (identity === 'clear-text') return namePlainly
  if (isRecord(identity)) {
    assertOptions('identity', identity, { pseudonymKey: true })
    return createPseudonyms(identity.pseudonymKey)
  }
  throw new TypeError("identity must be { pseudonymKey } or 'clear-text'")
}
