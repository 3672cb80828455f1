import { readFileSync } from 'node:fs'
import { type CollectionTag, parse, type ScalarTag } from 'yaml'
import type { TemplateResource } from './check-resource.ts'

/** A template of CloudFormation, with its functions in their long forms. */
export interface Template {
  readonly Parameters?: Readonly<
    Record<string, { readonly Type: string; readonly Default?: string }>
  >
  readonly Conditions?: Readonly<Record<string, unknown>>
  readonly Resources: Readonly<Record<string, ConditionalResource>>
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>
}

export interface ConditionalResource extends TemplateResource {
  readonly Condition?: string
  readonly Properties: Readonly<Record<string, unknown>>
}

export const templateFile: URL = new URL('../../templates/cloudformation.yaml', import.meta.url)

const tags: (ScalarTag | CollectionTag)[] = ['Ref', 'Sub', 'GetAtt', 'Condition'].map((name) => ({
  tag: `!${name}`,
  resolve: (value: string) => ({
    [name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`]: value,
  }),
}))
const lists: CollectionTag[] = ['If', 'Join', 'Equals', 'And', 'Not'].map((name) => ({
  tag: `!${name}`,
  collection: 'seq',
  resolve: (sequence) => ({ [`Fn::${name}`]: (sequence as { toJSON(): unknown }).toJSON() }),
}))

/** Reads a template that is written with the short forms. */
export function parseTemplate(text: string): Template {
  return parse(text, { customTags: [...tags, ...lists] }) as Template
}

/** The template of this package. */
export function readTemplate(): Template {
  return parseTemplate(readFileSync(templateFile, 'utf8'))
}
