import { all, deny, type Guard } from '@onbehalf/core/guards'
import type { Policy } from '../handlers/policy.ts'
import type { Item } from './item-table.ts'
import { type Items, uriTemplateOf } from './items.ts'
import { assertRule, isWithin, matches, type Rule, type Subject } from './rule.ts'
import { ruleKindOf, type Target } from './target.ts'

/** Refuses everybody, whoever it is. */
const nobody: Guard = Object.freeze({
  name: 'nobody',
  decide: () => deny('nobody', 'check_failed'),
})

/** Refuses everybody, because the rules do not say whom to let in. */
const conflict: Guard = Object.freeze({
  name: 'rules',
  decide: () => deny('rules', 'guard_error'),
})

/** The rules of a server, of which the most specific one counts. */
export class RuleTable {
  readonly #rules: readonly Rule[]

  /** @throws TypeError when a rule is malformed */
  constructor(rules: readonly Rule[]) {
    for (const [index, rule] of rules.entries()) assertRule(rule, index + 1)
    this.#rules = [...rules]
  }

  /**
   * What is asked for a target: what its handler asks and what its rule asks, both. Undefined
   * without either: then any identity will do.
   */
  policyFor(target: Pick<Target, 'kind' | 'name' | 'item'>): Policy | undefined {
    const asked = target.item?.policy
    if (this.#rules.length === 0) return asked
    const ruled = this.#ruledFor(subjectOf(target))
    if (ruled === undefined || asked === undefined) return asked ?? ruled
    if (ruled === 'public') return asked
    return asked === 'public' ? ruled : all(ruled, asked)
  }

  /** The number of the rule that counts, from 1. */
  numberFor(target: Pick<Target, 'kind' | 'name' | 'item'>): number | undefined {
    const rule = narrowest(this.#matching(subjectOf(target)))
    return rule === undefined ? undefined : this.#rules.indexOf(rule) + 1
  }

  /**
   * Compares the rules with what a server offers.
   *
   * @throws TypeError naming the first rule that matches nothing, two rules of which neither is more
   *   specific, and a rule that guards what its handler declares public
   */
  assertFits(items: Items): void {
    if (this.#rules.length === 0) return
    const subjects = items.all().map((item) => ({ item, subject: subjectOfItem(item) }))
    for (const [index, rule] of this.#rules.entries()) {
      const isUsed = subjects.some(({ subject }) => matches(rule, subject))
      if (isUsed || rule.kind === 'method') continue
      throw new TypeError(`rule ${index + 1} matches no ${rule.kind}: ${rule.name ?? '*'}`)
    }
    for (const { item, subject } of subjects) this.#assertClear(item, subject)
  }

  #assertClear(item: Item, subject: Subject): void {
    const matching = this.#matching(subject)
    const rule = narrowest(matching)
    const what = `${subject.kind} ${subject.name}`
    if (rule === undefined && matching.length > 0) {
      const numbers = matching.map((rival) => this.#rules.indexOf(rival) + 1).join(' and ')
      throw new TypeError(`rules ${numbers} match ${what}, and none of them is the most specific`)
    }
    if (rule !== undefined && rule.guard !== 'public' && item.policy === 'public') {
      const number = this.#rules.indexOf(rule) + 1
      throw new TypeError(`rule ${number} guards ${what}, which its handler declares public`)
    }
  }

  #ruledFor(subject: Subject | undefined): Policy | undefined {
    const matching = this.#matching(subject)
    if (matching.length === 0) return undefined
    const rule = narrowest(matching)
    if (rule === undefined) return conflict
    return rule.guard === 'nobody' ? nobody : rule.guard
  }

  #matching(subject: Subject | undefined): readonly Rule[] {
    return subject === undefined ? [] : this.#rules.filter((rule) => matches(rule, subject))
  }
}

function narrowest(rules: readonly Rule[]): Rule | undefined {
  const isStrictlyWithin = (inner: Rule, outer: Rule): boolean =>
    isWithin(inner, outer) && !isWithin(outer, inner)
  return rules.find((rule) =>
    rules.every((other) => other === rule || isStrictlyWithin(rule, other)),
  )
}

function subjectOf({ kind, name, item }: Pick<Target, 'kind' | 'name' | 'item'>) {
  if (item !== undefined) return subjectOfItem(item)
  return typeof name === 'string' ? { kind, name } : undefined
}

function subjectOfItem(item: Item): Subject {
  const { kind, key, registered } = item
  const name = uriTemplateOf(item) ?? key
  return { kind: ruleKindOf(kind), name, annotations: registered.annotations }
}
