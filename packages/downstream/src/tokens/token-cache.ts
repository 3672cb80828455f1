import type { SealedStore } from './sealed-store.ts'
import type { ApiToken } from './token.ts'

export interface TokenCacheOptions {
  /** Most tokens in the memory of this process. */
  readonly maxTokens: number
  readonly shared: SealedStore | undefined
  /** Seconds since 1970. */
  readonly now: () => number
  /** The shared store failed: tokens are kept in this process alone. */
  readonly onStoreFailed: (cause: unknown) => void
}

/** Tokens until shortly before they expire: those used last, in this process and in a shared store. */
export class TokenCache {
  readonly #options: TokenCacheOptions
  /** Used last: at the end. */
  readonly #tokens = new Map<string, ApiToken>()

  constructor(options: TokenCacheOptions) {
    this.#options = options
  }

  /** A token that may be used, from this process. */
  peek(key: string): ApiToken | undefined {
    const token = this.#tokens.get(key)
    if (token === undefined) return undefined
    this.#tokens.delete(key)
    if (!this.#isUsable(token)) return undefined
    this.#tokens.set(key, token)
    return token
  }

  /** A token that may be used, from the shared store. */
  async fetch(key: string): Promise<ApiToken | undefined> {
    const token = await this.#shared((store) => store.get(key))
    if (token === undefined || !this.#isUsable(token)) return undefined
    this.#keep(key, token)
    return token
  }

  async set(key: string, token: ApiToken): Promise<void> {
    const seconds = token.usableUntil - this.#options.now()
    if (!(seconds > 0)) return
    this.#keep(key, token)
    await this.#shared((store) => store.set(key, token, seconds))
  }

  /** Forgets a token, unless another one has taken its place. */
  async drop(key: string, { text }: ApiToken): Promise<void> {
    const current = this.#tokens.get(key)
    if (current !== undefined && current.text !== text) return
    this.#tokens.delete(key)
    await this.#shared((store) => store.drop(key))
  }

  #isUsable({ usableUntil }: ApiToken): boolean {
    return this.#options.now() < usableUntil
  }

  #keep(key: string, token: ApiToken): void {
    this.#tokens.delete(key)
    this.#tokens.set(key, token)
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= this.#options.maxTokens) return
      this.#tokens.delete(oldest)
    }
  }

  // A cache decides nothing: without it every token is obtained.
  async #shared<T>(work: (store: SealedStore) => Promise<T>): Promise<T | undefined> {
    const { shared, onStoreFailed } = this.#options
    if (shared === undefined) return undefined
    try {
      return await work(shared)
    } catch (cause) {
      onStoreFailed(cause)
      return undefined
    }
  }
}
