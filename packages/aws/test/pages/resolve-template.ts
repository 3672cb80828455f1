import type { Template } from '../templates/cloudformation-template.ts'
import { CLIENT_ID, CLIENT_SECRET, functionArn, MACHINE_POOL, REGION } from './names.ts'

/** A resource as it would be created, with nothing left to compute. */
export interface PlainResource {
  readonly Type: string
  // oxlint-disable-next-line no-explicit-any -- whatever a resource of that type has
  readonly Properties: any
}

export interface PlainTemplate {
  readonly resources: Readonly<Record<string, PlainResource>>
  readonly outputs: Readonly<Record<string, unknown>>
}

const pseudo = new Map<string, unknown>([
  ['AWS::AccountId', '123456789012'],
  ['AWS::NoValue', undefined],
  ['AWS::Partition', 'aws'],
  ['AWS::Region', REGION],
  ['AWS::StackName', 'agents'],
  ['AWS::URLSuffix', 'amazonaws.com'],
])

type Evaluate = (value: unknown) => unknown
type Json = Readonly<Record<string, unknown>>

/** Creates a stack on paper: every function of a template gets the value that it would have. */
export function resolveTemplate(template: Template, given: Readonly<Record<string, string>> = {}) {
  const { Parameters = {}, Conditions = {}, Resources, Outputs = {} } = template

  const functions: Readonly<Record<string, (argument: never) => unknown>> = {
    Ref: (name: string) => ref(name),
    Condition: (name: string) => evaluate(Conditions[name]),
    'Fn::And': (all: unknown[]) => all.every((it) => evaluate(it) === true),
    'Fn::Equals': ([one, other]: unknown[]) => evaluate(one) === evaluate(other),
    'Fn::GetAtt': (path: string | string[]) => attribute([path].flat().join('.')),
    'Fn::If': ([condition, yes, no]: [string, unknown, unknown]) =>
      evaluate(evaluate(Conditions[condition]) === true ? yes : no),
    'Fn::Join': ([separator, list]: [string, unknown]) =>
      (evaluate(list) as string[]).join(separator),
    'Fn::Not': ([it]: unknown[]) => evaluate(it) !== true,
    'Fn::Sub': (text: string) =>
      text.replaceAll(/\$\{([^}]+)\}/g, (_, name: string) =>
        String(name.includes('.') ? attribute(name) : ref(name)),
      ),
  }

  const evaluate: Evaluate = (value) => {
    if (Array.isArray(value)) return value.map(evaluate).filter((it) => it !== undefined)
    if (typeof value !== 'object' || value === null) return value
    const entries: readonly (readonly [string, unknown])[] = Object.entries(value)
    const [first, ...more] = entries
    const apply = first && more.length === 0 ? functions[first[0]] : undefined
    if (apply !== undefined) return apply(first?.[1] as never)
    const members = entries.map(([key, member]) => [key, evaluate(member)])
    return Object.fromEntries(members.filter(([, member]) => member !== undefined)) as Json
  }

  function ref(name: string): unknown {
    if (pseudo.has(name)) return pseudo.get(name)
    const parameter = Parameters[name]
    if (parameter !== undefined) {
      const value = given[name] ?? parameter.Default
      if (value === undefined) throw new Error(`${name} has no value`)
      return parameter.Type === 'CommaDelimitedList' ? value.split(',') : value
    }
    const resource = Resources[name]
    switch (resource?.Type) {
      case 'AWS::Cognito::UserPool':
        return MACHINE_POOL
      case 'AWS::Cognito::UserPoolClient':
        return CLIENT_ID
      case 'AWS::Cognito::UserPoolDomain':
        return evaluate(resource.Properties['Domain'])
      case undefined:
        throw new Error(`${name} is not declared`)
      default:
        return name
    }
  }

  function attribute(path: string): unknown {
    const [name = ''] = path.split('.')
    const resource = Resources[name]
    if (resource === undefined) throw new Error(`${name} is not declared`)
    if (resource.Type === 'AWS::Lambda::Function') {
      return functionArn(String(evaluate(resource.Properties['FunctionName'])))
    }
    return path.endsWith('.ClientSecret') ? CLIENT_SECRET : path
  }

  const created = Object.entries(Resources).filter(
    ([, { Condition }]) => Condition === undefined || evaluate({ Condition }) === true,
  )
  const resources = created.map(([id, { Type, Properties }]) => [
    id,
    { Type, Properties: evaluate(Properties ?? {}) },
  ])
  const outputs = Object.entries(Outputs).map(([name, { Value }]) => [name, evaluate(Value)])
  return {
    resources: Object.fromEntries(resources),
    outputs: Object.fromEntries(outputs),
  } as PlainTemplate
}
