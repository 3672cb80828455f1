import { loadAwsServiceSpec } from '@aws-cdk/aws-service-spec'
import type { Property, PropertyType, SpecDatabase } from '@aws-cdk/service-spec-types'

/** One resource of a template, by the names of CloudFormation. */
export interface TemplateResource {
  readonly Type: string
  readonly Properties?: unknown
}

let database: Promise<SpecDatabase> | undefined

/**
 * Compares a resource with the specification of CloudFormation: names of members at every depth,
 * and that required ones are there. Values of intrinsic functions are not known before deployment.
 */
export async function checkResource({
  Type,
  Properties = {},
}: TemplateResource): Promise<string[]> {
  database ??= loadAwsServiceSpec()
  const db = await database
  const [resource] = db.lookup('resource', 'cloudFormationType', 'equals', Type)
  if (resource === undefined) return [`${Type} does not exist`]
  return checkMembers(db, resource.properties, Properties, Type)
}

function checkMembers(
  db: SpecDatabase,
  known: Readonly<Record<string, Property>>,
  value: unknown,
  path: string,
): string[] {
  if (!isObject(value) || isIntrinsic(value)) return []
  const missing = Object.entries(known)
    .filter(([name, { required }]) => required === true && !(name in value))
    .map(([name]) => `${path}.${name} is missing`)
  const wrong = Object.entries(value).flatMap(([name, member]) => {
    const property = known[name]
    if (property === undefined) return [`${path}.${name} is unknown`]
    return checkType(db, property.type, member, `${path}.${name}`)
  })
  return [...missing, ...wrong]
}

function checkType(db: SpecDatabase, type: PropertyType, value: unknown, path: string): string[] {
  const [branch, ...more] = branchesOf(value)
  if (more.length > 0) {
    return branchesOf(value).flatMap((each) => checkType(db, type, each, path))
  }
  if (isIntrinsic(branch)) return []
  switch (type.type) {
    case 'ref':
      if (!isObject(branch)) return [`${path} must be an object`]
      return checkMembers(
        db,
        db.get('typeDefinition', type.reference.$ref).properties,
        branch,
        path,
      )
    case 'array':
      if (!Array.isArray(branch)) return [`${path} must be a list`]
      return branch.flatMap((item, at) => checkType(db, type.element, item, `${path}[${at}]`))
    case 'string':
      if (typeof branch !== 'string') return [`${path} must be a string`]
      return checkAllowed(type.allowedValues, branch, path)
    case 'boolean':
      return typeof branch === 'boolean' ? [] : [`${path} must be a boolean`]
    case 'integer':
    case 'number':
      return typeof branch === 'number' ? [] : [`${path} must be a number`]
    case 'date-time':
    case 'json':
    case 'map':
    case 'null':
    case 'tag':
    case 'union':
      return []
  }
}

function checkAllowed(
  allowed: readonly string[] | undefined,
  value: string,
  path: string,
): string[] {
  return allowed === undefined || allowed.includes(value) ? [] : [`${path} must not be ${value}`]
}

/** Both values of an `Fn::If`, or the value itself. */
function branchesOf(value: unknown): readonly unknown[] {
  if (!isObject(value) || !('Fn::If' in value)) return [value]
  return (value['Fn::If'] as readonly unknown[]).slice(1)
}

function isIntrinsic(value: unknown): boolean {
  if (!isObject(value)) return false
  const [name, ...more] = Object.keys(value)
  return more.length === 0 && (name === 'Ref' || name?.startsWith('Fn::') === true)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
