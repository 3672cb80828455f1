import { all, type Limit } from '@onbehalf/core/guards'
import { undecided } from '../handlers/hidden-guards.ts'
import type { Policy } from '../handlers/policy.ts'
import type { Item } from './item-table.ts'
import { type Items, type RuleKind, ruleKindOf, type Target, uriTemplateOf } from './items.ts'
import { type CompiledRule, compileRule, type Rule, type Subject } from './rule.ts'

/** What a rule is looked up for. */
type Ruled = Pick<Target, 'kind' | 'name' | 'item' | 'isCall' | 'listed'>

/** The rules of a server, of which the first that matches counts. */
export class RuleTable {
  readonly #rules: readonly CompiledRule[]

  /** @throws TypeError when a rule is malformed, or an earlier one matches all that it matches */
  constructor(rules: readonly Rule[]) {
    this.#rules = rules.map((rule, index) => compileRule(rule, index + 1))
    for (const [index, rule] of this.#rules.entries()) {
      const earlier = this.#rules.slice(0, index).findIndex((other) => other.covers(rule))
      if (earlier >= 0) throw neverCounts(index, [earlier])
    }
  }

  /**
   * What is asked for a target: what its handler asks and what its rule asks, both. Undefined
   * without either: then any identity will do.
   */
  policyFor(target: Ruled): Policy | undefined {
    const asked = target.isCall ? target.item?.callPolicy : target.item?.policy
    if (this.#rules.length === 0) return asked
    const ruled = this.#rules[this.#indexOf(subjectOf(target))]?.policy
    if (ruled === undefined || asked === undefined) return asked ?? ruled
    if (ruled === 'public') return asked
    if (asked === undecided) return ruled
    return asked === 'public' ? ruled : all(ruled, asked)
  }

  /** What counts a request: a call, or a method without items. Completions and subscriptions are neither. */
  limitsFor(target: Ruled): readonly Limit[] {
    if (target.isCall !== true && target.kind !== 'method') return []
    const policy = this.policyFor(target)
    return policy === undefined || policy === 'public' ? [] : (policy.limits ?? [])
  }

  /** The number of the rule that counts, from 1. */
  numberFor(target: Ruled): number | undefined {
    const index = this.#indexOf(subjectOf(target))
    return index < 0 ? undefined : index + 1
  }

  /** Whether a rule for that name asks for annotations. */
  readsAnnotations({ kind, name }: Ruled): boolean {
    return this.#rules.some(
      (rule) =>
        rule.kind === kind && rule.asked.length > 0 && rule.matchesName(name as Subject['name']),
    )
  }

  /**
   * Compares the rules with what a server offers.
   *
   * @param maySurprise whether there may be items of a kind that nobody has registered so far
   * @returns what is said of rules that match nothing yet
   * @throws TypeError naming the first rule that matches nothing, that never counts because earlier
   *   rules match each of its items, or that guards what its handler declares public
   */
  assertFits(items: Items, maySurprise: (kind: RuleKind) => boolean): readonly string[] {
    const subjects = items.all().map((item) => subjectOfItem(item))
    const unmatched: string[] = []
    for (const [index, rule] of this.#rules.entries()) {
      if (rule.kind === 'method') continue
      const isMatched = subjects.some((subject) => rule.matches(subject))
      const message = `rule ${index + 1} matches no ${rule.kind}: ${rule.name}`
      if (!maySurprise(rule.kind)) this.#assertCounts(rule, index, subjects, message)
      else if (!isMatched) unmatched.push(message)
    }
    for (const item of items.all()) this.#assertGuarded(item)
    return unmatched
  }

  #assertCounts(
    rule: CompiledRule,
    index: number,
    subjects: readonly Subject[],
    message: string,
  ): void {
    const matched = subjects.filter((subject) => rule.matches(subject))
    if (matched.length === 0) throw new TypeError(message)
    const first = matched.map((subject) => this.#indexOf(subject))
    if (!first.includes(index)) throw neverCounts(index, first)
  }

  #assertGuarded(item: Item): void {
    const { kind, name } = subjectOfItem(item)
    const index = this.#indexOf(subjectOfItem(item))
    const ruled = this.#rules[index]?.policy
    if (ruled === undefined || ruled === 'public' || item.policy !== 'public') return
    throw new TypeError(
      `rule ${index + 1} guards ${kind} ${name}, which its handler declares public`,
    )
  }

  /** The place of the first rule that matches, from 0; -1 without one. */
  #indexOf(subject: Subject | undefined): number {
    return subject === undefined ? -1 : this.#rules.findIndex((rule) => rule.matches(subject))
  }
}

function neverCounts(index: number, earlier: readonly number[]): TypeError {
  const numbers = [...new Set(earlier)].sort((one, other) => one - other).map((at) => at + 1)
  const rules =
    numbers.length === 1 ? `rule ${numbers[0]} matches` : `rules ${numbers.join(' and ')} match`
  return new TypeError(`rule ${index + 1} never counts: ${rules} everything that it matches`)
}

function subjectOf({ kind, name, item, listed }: Ruled): Subject | undefined {
  if (item !== undefined) return subjectOfItem(item)
  return typeof name === 'string' ? { kind, name, annotations: listed?.annotations } : undefined
}

function subjectOfItem(item: Item): Subject {
  const { kind, key, registered } = item
  const name = uriTemplateOf(item) ?? key
  return { kind: ruleKindOf(kind), name, annotations: registered.annotations }
}
