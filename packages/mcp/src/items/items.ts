import { isRecord, type MethodMessage, paramsOf } from '../wire/json-rpc.ts'
import { bindTemplate } from './bound-template.ts'
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

  /** Whether anything was registered that rules of a kind are about. */
  has(kind: RuleKind): boolean {
    return itemKinds.some((own) => ruleKindOf(own) === kind && this[own].all().length > 0)
  }

  /** As both SDK generations find it: by the normalized URI, then by the first template that fits. */
  findResource(uri: unknown): FoundResource {
    const url = parseUri(uri)
    if (url === undefined) return { arguments: uri }
    const item = this.resource.get(url.href)
    if (item !== undefined) return { item, arguments: url }
    for (const template of this.template.all()) {
      const { resourceTemplate } = template.registered
      // Bound again: an update may have replaced it.
      const variables =
        resourceTemplate && bindTemplate(resourceTemplate.uriTemplate).match(url.href)
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

function parseUri(uri: unknown): URL | undefined {
  return typeof uri === 'string' && URL.canParse(uri) ? new URL(uri) : undefined
}

/** What a request is about, as far as it decides who may send it. */
export interface Target {
  /** Of items, what rules call it; `method` for what is about no item. */
  readonly kind: RuleKind
  /** What the request calls it, or the method. It may be no text: nothing was validated. */
  readonly name: unknown
  /** Absent when nothing of that name was registered. */
  readonly item?: Item
  /** What the server's own list says of it, where that was asked: `null` if it is not there. */
  readonly listed?: Listed | null
  /** What guards may look at. */
  readonly arguments: unknown
  /** Whether the handler of the item will be called, with its own guard if it has one. */
  readonly isCall?: boolean
}

/** An entry of a list that a handler of the server's user has made. */
export interface Listed {
  readonly name?: unknown
  readonly annotations?: unknown
  readonly inputSchema?: unknown
  readonly outputSchema?: unknown
}

/** What a rule may be about. */
export type RuleKind = 'tool' | 'resource' | 'prompt' | 'method'

export function targetOf(items: Items, request: MethodMessage): Target {
  const { name, uri, ref, arguments: given } = paramsOf(request)
  const sent = given ?? {}
  switch (request.method) {
    case 'tools/call':
      return { kind: 'tool', name, ...found(items.tool.get(name)), arguments: sent, isCall: true }
    case 'prompts/get':
      return {
        kind: 'prompt',
        name,
        ...found(items.prompt.get(name)),
        arguments: sent,
        isCall: true,
      }
    case 'resources/read':
      return { ...resourceTarget(items, uri), isCall: true }
    case 'resources/subscribe':
    case 'resources/unsubscribe':
    case 'notifications/resources/updated':
      return resourceTarget(items, uri)
    case 'completion/complete':
      return completionTarget(items, isRecord(ref) ? ref : {}, paramsOf(request))
    default:
      return { kind: 'method', name: request.method, arguments: {} }
  }
}

export function resourceTarget(items: Items, uri: unknown): Target {
  const name = parseUri(uri)?.href ?? uri
  return { kind: 'resource', name, ...items.findResource(uri) }
}

/** Whether it is known that nothing of that name is there: nothing was registered, or it is disabled. */
export function isMissing(
  { kind, item, listed }: Target,
  method: string,
  servesItself: (method: string) => boolean,
): boolean {
  if (kind === 'method') return false
  if (item !== undefined) return item.registered.enabled === false
  return listed === null || !servesItself(method)
}

export function ruleKindOf(kind: ItemKind): RuleKind {
  return kind === 'template' ? 'resource' : kind
}

type Params = Readonly<Record<string, unknown>>

// Completions run without the identity of their caller, and reveal values: a caller who may not use an
// item may not complete its arguments either. The arguments are what is known of them: where a guard
// depends on others, it refuses.
function completionTarget(items: Items, ref: Params, { argument, context }: Params): Target {
  const known = isRecord(context) && isRecord(context['arguments']) ? context['arguments'] : {}
  const { name, value } = isRecord(argument) ? argument : {}
  const partial = { arguments: { ...known, [String(name)]: value } }
  if (ref['type'] === 'ref/prompt') {
    const item = items.prompt.get(ref['name'])
    return { kind: 'prompt', name: ref['name'], ...found(item), ...partial }
  }
  const item = items.findCompleted(ref['uri'])
  return { kind: 'resource', name: ref['uri'], ...found(item), ...partial }
}

function found(item: Item | undefined): { item?: Item } {
  return item === undefined ? {} : { item }
}
