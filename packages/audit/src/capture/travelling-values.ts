import { asText, isRecord } from '@onbehalf/core/internal'
import { type Redaction, redactionOf } from './redaction.ts'
import { schemaRedaction } from './schema/schema-redaction.ts'

// The same values travel in several requests and answers. What redacts them in the arguments of a tool or
// prompt, and in the structured content of a result, redacts them there as well.

/** Redacts a whole value. */
const all: Redaction = { redact: true, redactsAny: () => true, member: () => undefined }

/** A rule for members of stated names. */
function ofMembers(members: Readonly<Record<string, readonly Redaction[]>>): Redaction {
  const known = new Map(Object.entries(members))
  return {
    redact: false,
    redactsAny: () => [...known.values()].flat().some((rule) => rule.redactsAny()),
    member: (name) => merge(known.get(name) ?? []),
  }
}

function merge(rules: readonly Redaction[]): Redaction | undefined {
  if (rules.length === 0) return undefined
  return {
    redact: rules.some(({ redact }) => redact),
    redactsAny: () => rules.some((rule) => rule.redactsAny()),
    member: (name) => merge(redactionOf(rules, name)),
  }
}

/** What redacts the arguments of a call, wherever the message has them. */
export function argumentRules(
  method: string,
  value: unknown,
  rules: readonly Redaction[],
): readonly Redaction[] {
  if (method !== 'completion/complete') return rules
  const completed = ofMembers({
    argument: [ofMembers({ value: redactionOf(rules, completedIn(value) ?? '') })],
    context: [ofMembers({ arguments: rules })],
  })
  return [...rules, completed]
}

/**
 * What redacts the answers to questions. In their contents, a name means what it means in the arguments,
 * and what the question says that it means. Of an answer whose question is not known it is not known
 * what in it is secret.
 */
export function answerRules(
  rules: readonly Redaction[],
  answers: unknown,
  requestedSchemas: Readonly<Record<string, unknown>> = {},
): readonly Redaction[] {
  const known = new Map(Object.entries(requestedSchemas))
  const inAnswer = (name: string): Redaction => {
    if (!known.has(name)) return all
    const marked = schemaRedaction(known.get(name))
    return ofMembers({ content: marked === undefined ? rules : [...rules, marked] })
  }
  return [{ redact: !isRecord(answers), redactsAny: () => true, member: inAnswer }]
}

/** What redacts a result: the text beside structured content says the same again, as MCP asks. */
export function resultRules(
  rules: readonly Redaction[],
  completed: readonly Redaction[],
): readonly Redaction[] {
  const isSecret = redactionOf(rules, 'structuredContent').some((rule) => rule.redactsAny())
  const beside = ofMembers({ content: isSecret ? [all] : [] })
  const suggested = completed.some((rule) => rule.redactsAny())
  return [
    ...rules,
    beside,
    ofMembers({ completion: suggested ? [ofMembers({ values: [all] })] : [] }),
  ]
}

/** The rules for the argument that a completion is about. */
export function completedRules(
  method: string,
  value: unknown,
  rules: () => readonly Redaction[],
): readonly Redaction[] {
  return method === 'completion/complete' ? redactionOf(rules(), completedIn(value) ?? '') : []
}

function completedIn(value: unknown): string | undefined {
  const argument = isRecord(value) ? value['argument'] : undefined
  return isRecord(argument) ? asText(argument['name']) : undefined
}
