import type { ParsedToken } from './parse-token.ts'

const maxTokens = 1_000

/** What a token says; its text is a secret, and not kept. */
type Content = Pick<ParsedToken, 'algorithm' | 'keyId' | 'type' | 'hasKeyHeader' | 'claims'>

/**
 * The tokens of accepted requests, parsed, so that the next request with one of them brings the very
 * same claims: an issuer knows by them what it has verified already.
 *
 * A token is found by the SHA-256 of its text, and only by all of it. What was refused is never kept,
 * so that a flood of it displaces nothing; the one that was used longest ago makes room.
 */
export class KnownTokens {
  readonly #contents = new Map<string, Content>()

  find(hash: string, text: string): ParsedToken | undefined {
    const content = this.#contents.get(hash)
    if (content === undefined) return undefined
    this.#put(hash, content)
    const [header = '', payload = '', signature = ''] = text.split('.')
    return { ...content, protected: header, payload, signature }
  }

  keep(hash: string, token: ParsedToken): void {
    if (this.#contents.has(hash)) return
    const { algorithm, keyId, type, hasKeyHeader, claims } = token
    this.#put(hash, { algorithm, keyId, type, hasKeyHeader, claims })
  }

  #put(hash: string, content: Content): void {
    this.#contents.delete(hash)
    this.#contents.set(hash, content)
    if (this.#contents.size <= maxTokens) return
    const [oldest] = this.#contents.keys()
    if (oldest !== undefined) this.#contents.delete(oldest)
  }
}
