import type { Guard } from '@onbehalf/core/guards'
import { openMethods } from '../wire/open-methods.ts'
import type { RuleKind } from './target.ts'

/** One line of the table that guards a server. */
export interface Rule {
  /** `method` is for requests about no item, such as `logging/setLevel`. */
  readonly kind: RuleKind
  /**
   * Name of a tool or prompt, URI of a resource, text of a URI template, or JSON-RPC method; `*`
   * stands for any text. Default: `*`.
   */
  readonly name?: string
  /**
   * Tools alone: annotations that they must have. As in MCP, a tool that does not say is destructive,
   * open to the world, neither read-only nor idempotent; a read-only tool is not destructive.
   */
  readonly annotations?: Annotations
  /** What callers must meet. `public` asks for no identity, `nobody` refuses everybody. */
  readonly guard: Guard<never> | 'public' | 'nobody'
}

/** The annotations of MCP that a rule can ask for. */
export interface Annotations {
  readonly readOnlyHint?: boolean
  readonly destructiveHint?: boolean
  readonly idempotentHint?: boolean
  readonly openWorldHint?: boolean
}

/** What a rule is compared with. */
export interface Subject {
  readonly kind: RuleKind
  readonly name: string
  readonly annotations?: unknown
}

const hints = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const

/**
 * Checks a rule that an operator wrote.
 *
 * @throws TypeError naming the rule and the member
 */
export function assertRule(rule: Rule, place: number): void {
  const wrong = (what: string): TypeError => new TypeError(`rule ${place}: ${what}`)
  const { kind, name = '*', annotations = {}, guard } = rule
  if (!['tool', 'resource', 'prompt', 'method'].includes(kind)) throw wrong('kind is unknown')
  if (typeof name !== 'string' || name === '') throw wrong('name must be a text')
  if (guard !== 'public' && guard !== 'nobody' && typeof guard?.decide !== 'function') {
    throw wrong("guard must be a guard, 'public' or 'nobody'")
  }
  if (kind === 'method' && openMethods.has(name)) throw wrong(`${name} is open to anyone`)
  const asked = Object.entries(annotations)
  if (asked.length > 0 && kind !== 'tool') throw wrong('only tools have annotations')
  for (const [hint, value] of asked) {
    if (!(hints as readonly string[]).includes(hint)) throw wrong(`annotation ${hint} is unknown`)
    if (typeof value !== 'boolean') throw wrong(`annotation ${hint} must be true or false`)
  }
}

export function matches(rule: Rule, { kind, name, annotations }: Subject): boolean {
  if (rule.kind !== kind || !covers(rule.name ?? '*', name)) return false
  const actual = withDefaults(annotations)
  return Object.entries(rule.annotations ?? {}).every(
    ([hint, value]) => actual[hint as keyof Annotations] === value,
  )
}

/** Whether everything that one rule matches, the other matches too. */
export function isWithin(inner: Rule, outer: Rule): boolean {
  const asked = inner.annotations ?? {}
  const isNameWithin = covers(outer.name ?? '*', inner.name ?? '*')
  return isNameWithin && hints.every((hint) => isHintWithin(asked[hint], outer.annotations?.[hint]))
}

function isHintWithin(inner: boolean | undefined, outer: boolean | undefined): boolean {
  return outer === undefined || inner === outer
}

// A pattern may stand in for the text: a `*` in it is then covered by a `*` alone.
function covers(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

function withDefaults(annotations: unknown): Required<Annotations> {
  const said = (annotations ?? {}) as Annotations
  const readOnlyHint = said.readOnlyHint === true
  return {
    readOnlyHint,
    destructiveHint: !readOnlyHint && said.destructiveHint !== false,
    idempotentHint: said.idempotentHint === true,
    openWorldHint: said.openWorldHint !== false,
  }
}
