import { deny, type Guard } from '@onbehalf/core/guards'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import type { Policy } from '../handlers/policy.ts'
import { openMethods } from '../wire/json-rpc.ts'
import type { RuleKind } from './items.ts'
import { compilePattern } from './pattern.ts'

/** One line of the table that guards a server. */
export interface Rule {
  /** `method` is for requests about no item, such as `logging/setLevel`, and for notifications. */
  readonly kind: RuleKind
  /**
   * Name of a tool or prompt, URI of a resource, text of a URI template, or JSON-RPC method; `*`
   * matches any text. Default: `*`.
   */
  readonly name?: string
  /**
   * Tools only: annotations that they must have. As in MCP, a tool without annotations is
   * destructive, open to the world, neither read-only nor idempotent; a read-only tool is not
   * destructive.
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

/** A rule as it is asked at every request. */
export interface CompiledRule {
  readonly kind: RuleKind
  readonly name: string
  readonly policy: Policy
  matches(subject: Subject): boolean
  matchesName(name: string): boolean
  /** Whether everything that another rule matches, this one matches too. */
  covers(other: CompiledRule): boolean
  /** Annotations that a tool must have. */
  readonly asked: readonly Hint[]
}

type Hint = readonly [name: keyof Annotations, value: boolean]

const kinds: readonly RuleKind[] = ['tool', 'resource', 'prompt', 'method']
const members: OptionNames<Rule> = { kind: true, name: true, annotations: true, guard: true }
const hints: OptionNames<Annotations> = {
  readOnlyHint: true,
  destructiveHint: true,
  idempotentHint: true,
  openWorldHint: true,
}

/** Refuses everybody. */
const nobody: Guard = Object.freeze({
  name: 'nobody',
  decide: () => deny('nobody', 'check_failed'),
})

/**
 * Checks a rule that an operator wrote, and prepares it.
 *
 * @throws TypeError naming the rule and the member
 */
export function compileRule(rule: Rule, number: number): CompiledRule {
  assertRule(rule, `rule ${number}`)
  const { kind, name = '*', annotations = {}, guard } = rule
  const matchesName = compilePattern(name)
  const asked = Object.entries(annotations) as unknown as readonly Hint[]
  return {
    kind,
    name,
    policy: guard === 'nobody' ? nobody : guard,
    asked,
    matchesName,
    matches: (subject) =>
      subject.kind === kind && matchesName(subject.name) && hasHints(asked, subject.annotations),
    // A `*` in the other's name is matched by a `*` only: a name has none.
    covers: (other) =>
      other.kind === kind && matchesName(other.name) && isImplied(asked, other.asked),
  }
}

function assertRule(rule: Rule, place: string): void {
  const wrong = (what: string): TypeError => new TypeError(`${place}: ${what}`)
  assertOptions(place, rule, members)
  const { kind, name = '*', annotations = {}, guard } = rule
  if (!kinds.includes(kind)) throw wrong('kind is unknown')
  if (typeof name !== 'string' || name === '') throw wrong('name must be a text')
  if (guard !== 'public' && guard !== 'nobody' && typeof guard?.decide !== 'function') {
    throw wrong("guard must be a guard, 'public' or 'nobody'")
  }
  if (kind === 'method' && openMethods.has(name)) throw wrong(`${name} is open to anyone`)
  if (name === 'subscriptions/listen' && (guard as Guard<never>).limits !== undefined) {
    throw wrong(`${name} cannot have a limit: streams are not counted`)
  }
  assertOptions(`the annotations of ${place}`, annotations, hints)
  for (const [hint, value] of Object.entries(annotations)) {
    if (kind !== 'tool') throw wrong('only tools have annotations')
    if (typeof value !== 'boolean') throw wrong(`annotation ${hint} must be true or false`)
  }
}

function hasHints(asked: readonly Hint[], annotations: unknown): boolean {
  if (asked.length === 0) return true
  const actual = withDefaults(annotations)
  return asked.every(([hint, value]) => actual[hint] === value)
}

/** Whether a tool that has the known hints has the asked ones as well. */
function isImplied(asked: readonly Hint[], known: readonly Hint[]): boolean {
  const given = Object.fromEntries(known) as Annotations
  const implied: Annotations = {
    ...(given.readOnlyHint === true && { destructiveHint: false }),
    ...(given.destructiveHint === true && { readOnlyHint: false }),
    ...given,
  }
  return asked.every(([hint, value]) => implied[hint] === value)
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
