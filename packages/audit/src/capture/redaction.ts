/** Which parts of a value are redacted. */
export interface Redaction {
  /** Whether the value itself is. */
  readonly redact: boolean
  /** Whether it redacts the value, or anything that may be in it. */
  redactsAny(): boolean
  /** The rule for a member, where there is one. */
  member(name: string): Redaction | undefined
}

/** The rules for a member, out of the rules for its parent. */
export function redactionOf(rules: readonly Redaction[], name: string): readonly Redaction[] {
  return rules.flatMap((rule) => rule.member(name) ?? [])
}

/** Where a path starts. */
export type RedactionRoot = 'arguments' | 'inputResponses' | 'result'

/** A path by its parts, for names that hold a dot, or written with dots. */
export type RedactionPath = string | readonly string[]

/** @throws TypeError for a path that starts elsewhere or has an empty part */
export function compileRedaction(
  paths: readonly RedactionPath[],
): Readonly<Record<RedactionRoot, Redaction>> {
  const split = paths.map((path) => (typeof path === 'string' ? path.split('.') : path))
  if (!split.every(([root, ...rest]) => isRoot(root) && !rest.includes(''))) {
    throw new TypeError('redact takes paths like arguments.password and result.rows.*.email')
  }
  const below = (name: RedactionRoot): Redaction =>
    pathRule(split.filter(([root]) => root === name).map(([, ...rest]) => rest))
  return {
    arguments: below('arguments'),
    inputResponses: below('inputResponses'),
    result: below('result'),
  }
}

function isRoot(name: string | undefined): boolean {
  return name === 'arguments' || name === 'inputResponses' || name === 'result'
}

function pathRule(paths: readonly (readonly string[])[]): Redaction {
  return {
    redact: paths.some((path) => path.length === 0),
    redactsAny: () => paths.length > 0,
    member: (name) => {
      const matching = paths.filter(([first]) => first === name || first === '*')
      return matching.length === 0 ? undefined : pathRule(matching.map(([, ...rest]) => rest))
    },
  }
}
