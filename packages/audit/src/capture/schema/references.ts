import { isSchema, type Schema } from './keywords.ts'

/** A schema that has its own address, or the whole document. */
interface Resource {
  readonly root: Schema
  readonly address: string
}

/** Where relative addresses begin, if the document has none. */
const nowhere = 'schema:/'

/** The schemas of one document, by what references call them. */
export class References {
  readonly #document: Resource
  readonly #resources = new Map<string, Resource>()
  readonly #resourceOf = new Map<Schema, Resource>()
  readonly #anchors = new Map<string, Schema[]>()

  constructor(root: Schema) {
    this.#document = { root, address: addressOf(root, nowhere) }
    this.#index(root, this.#document)
  }

  /** What a reference names; nothing where it cannot be resolved. A schema may be `true` or `false`. */
  resolve(from: Schema, reference: unknown): readonly unknown[] {
    if (typeof reference !== 'string') return []
    const [path, fragment] = split(reference)
    const own = this.#resourceOf.get(from) ?? this.#document
    const resource = path === '' ? own : this.#resources.get(join(path, own.address))
    if (resource === undefined) return []
    if (fragment === '') return [resource.root]
    if (!fragment.startsWith('/')) return this.#anchors.get(fragment) ?? []
    // Libraries that move schemas about write pointers from the document, whatever its parts are called.
    const found = [resource.root, this.#document.root].map((root) => pointTo(root, fragment))
    return found.filter((schema) => isSchema(schema) || typeof schema === 'boolean')
  }

  #index(root: Schema, document: Resource): void {
    const waiting: (readonly [unknown, Resource])[] = [[root, document]]
    for (const [value, parent] of waiting) {
      if (Array.isArray(value)) waiting.push(...value.map((item) => [item, parent] as const))
      if (!isSchema(value) || this.#resourceOf.has(value)) continue
      const address = addressOf(value, parent.address)
      const resource = address === parent.address ? parent : { root: value, address }
      this.#resourceOf.set(value, resource)
      if (!this.#resources.has(address)) this.#resources.set(address, resource)
      this.#keepAnchors(value)
      for (const part of Object.values(value)) waiting.push([part, resource])
    }
  }

  // Of a dynamic anchor, any schema of the name may be the one that counts.
  #keepAnchors(schema: Schema): void {
    const { $id, id, $anchor, $dynamicAnchor } = schema
    const older = [$id, id].map((name) => (typeof name === 'string' ? split(name)[1] : undefined))
    for (const anchor of [$anchor, $dynamicAnchor, ...older]) {
      if (typeof anchor !== 'string' || anchor === '') continue
      this.#anchors.set(anchor, [...(this.#anchors.get(anchor) ?? []), schema])
    }
  }
}

/** The address that a schema gives itself, `id` in draft-04, or that of what it is in. */
function addressOf({ $id, id }: Schema, base: string): string {
  const [path = ''] = typeof $id === 'string' ? split($id) : typeof id === 'string' ? split(id) : []
  return path === '' ? base : join(path, base)
}

function join(path: string, base: string): string {
  return URL.canParse(path, base) ? new URL(path, base).href : path
}

function split(reference: string): readonly [path: string, fragment: string] {
  const at = reference.indexOf('#')
  return at < 0 ? [reference, ''] : [reference.slice(0, at), decoded(reference.slice(at + 1))]
}

/** RFC 6901 section 6: in a URI, a pointer is percent-encoded. */
function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment
  }
}

function pointTo(root: Schema, pointer: string): unknown {
  const parts = pointer.split('/').slice(1)
  return parts
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>(
      (at, part) =>
        typeof at === 'object' && at !== null && Object.hasOwn(at, part)
          ? (at as Schema)[part]
          : undefined,
      root,
    )
}
