import { type Item, type ItemKind, ItemTable, type OnHidden } from './item-table.ts'

/** A resource and, where a template serves it, the variables in its URI. */
export interface FoundResource {
  readonly item?: Item
  /** What a guard may look at: what its handler gets in front of the context. */
  readonly arguments: unknown
}

/** Everything that a protected server offers. */
export class Items {
  readonly tool: ItemTable
  readonly resource: ItemTable
  readonly template: ItemTable
  readonly prompt: ItemTable

  constructor(onHidden: OnHidden) {
    this.tool = new ItemTable('tool', onHidden)
    this.resource = new ItemTable('resource', onHidden)
    this.template = new ItemTable('template', onHidden)
    this.prompt = new ItemTable('prompt', onHidden)
  }

  all(): readonly Item[] {
    return itemKinds.flatMap((kind) => this[kind].all())
  }

  /** As both SDK generations find it: by the normalized URI, then by the first template that fits. */
  findResource(uri: unknown): FoundResource {
    const url = parseUri(uri)
    if (url === undefined) return { arguments: uri }
    const item = this.resource.get(url.href)
    if (item !== undefined) return { item, arguments: url }
    for (const template of this.template.all()) {
      const variables = template.registered.resourceTemplate?.uriTemplate.match(url.href)
      if (variables) return { item: template, arguments: variables }
    }
    return { arguments: url }
  }

  /** A completion names a template by its text. */
  findCompleted(uri: unknown): Item | undefined {
    const isNamed = (item: Item): boolean => uriTemplateOf(item) === uri
    return this.template.all().find(isNamed) ?? this.resource.get(uri)
  }
}

const itemKinds: readonly ItemKind[] = ['tool', 'resource', 'template', 'prompt']

export function uriTemplateOf({ registered }: Item): string | undefined {
  return registered.resourceTemplate?.uriTemplate.toString()
}

export function parseUri(uri: unknown): URL | undefined {
  return typeof uri === 'string' && URL.canParse(uri) ? new URL(uri) : undefined
}
