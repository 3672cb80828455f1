import type { ParsedToken } from './parse-token.ts'

const maxTokens = 1_000

/**
 * The tokens of accepted requests, parsed, so that the next request with one of them brings the very
 * same object: an issuer knows by it what it has verified already.
 *
 * A token is found by the SHA-256 of its text, and only by all of it. What was refused is never kept,
 * so that a flood of it displaces nothing; the one that was used longest ago makes room.
 */
export class KnownTokens {
  readonly #tokens = new Map<string, ParsedToken>()

  find(hash: string): ParsedToken | undefined {
    const token = this.#tokens.get(hash)
    if (token !== undefined) this.keep(hash, token)
    return token
  }

  keep(hash: string, token: ParsedToken): void {
    this.#tokens.delete(hash)
    this.#tokens.set(hash, token)
    if (this.#tokens.size <= maxTokens) return
    const [oldest] = this.#tokens.keys()
    if (oldest !== undefined) this.#tokens.delete(oldest)
  }
}
