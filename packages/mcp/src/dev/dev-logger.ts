import type { Identity } from '@onbehalf/core'
import type { Requirement } from '@onbehalf/core/guards'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import type { DecisionEvent, ServerEvent } from '../protection.ts'

export interface DevLoggerOptions {
  /** Takes each line. Default: `console.error`. */
  readonly write?: (line: string) => void
}

const known: OptionNames<DevLoggerOptions> = { write: true }

/**
 * An `onEvent` for your own terminal: one line for each call and for each request that was refused, with
 * the user, the organization, the reason, and what would satisfy the guard. For a log that programs
 * read, write the events themselves.
 *
 * The lines name users and hold no token. Of what a caller chose, control characters and everything
 * beyond ASCII are escaped.
 *
 * @throws TypeError when an option is unknown or undefined
 *
 * @example
 * ```ts
 * const handler = protectedHandler(createMcpHandler, createServer, { authenticator, onEvent: devLogger() })
 * ```
 */
export function devLogger(options: DevLoggerOptions = {}): (event: ServerEvent) => void {
  assertOptions('devLogger', options, known)
  // oxlint-disable-next-line no-console -- a terminal is what it is for
  const { write = (line: string) => console.error(line) } = options
  return (event) => {
    const line = lineOf(event)
    if (line !== undefined) write(line.replaceAll(/[^ -~]/gu, escaped))
  }
}

/** A request that became an identity is in the line of its decision. */
function lineOf(event: ServerEvent): string | undefined {
  if (event.type === 'accepted') return undefined
  if (event.type === 'decision') return ofDecision(event)
  if (event.type === 'refused') {
    const { code, reason, failure, requestId } = event
    return columns('refused', `${code} ${reason}`, ...shown(failure ?? {}), ofRequest(requestId))
  }
  const { type, ...members } = event
  return columns(type, ...shown(members))
}

function ofDecision(event: DecisionEvent): string {
  const { method, tool, prompt, resource, identity, decision, identityLoss, requestId } = event
  const call = [tool ?? prompt ?? resource ?? method, ofCaller(identity)]
  if (decision.effect === 'allow') return columns('allow', ...call)
  const { reason, guard, required } = decision
  return columns(
    'deny',
    ...call,
    `${reason}, by ${guard}`,
    ofRequirement(required),
    identityLoss && `the identity was lost: ${identityLoss}`,
    ofRequest(requestId),
  )
}

function ofCaller(identity: Identity | undefined): string {
  if (identity === undefined) return 'nobody'
  const { kind, subject, organization, gateway } = identity
  const of = organization === undefined ? '' : ` of ${organization.id}`
  const via = gateway === undefined ? '' : ` via ${gateway.client}`
  return `${kind === 'service' ? 'service ' : ''}${subject}${of}${via}`
}

function ofRequirement(required: Requirement): string | undefined {
  const needed = Object.entries(required).map(([name, value]) => `${name} ${[value].flat().join()}`)
  return needed.length === 0 ? undefined : `needs ${needed.join(', ')}`
}

/** The members of an object that say something. */
function shown(members: object): string[] {
  const texts = Object.entries(members).map(([name, value]) => [name, String(value)] as const)
  return texts.filter(([, text]) => text !== '').map((pair) => pair.join(' '))
}

function ofRequest(id: string | undefined): string | undefined {
  return id === undefined ? undefined : `request ${id}`
}

function columns(what: string, ...parts: readonly (string | undefined)[]): string {
  return [what.padEnd(8), ...parts.filter((part) => part !== undefined)].join('  ').trimEnd()
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`
}
