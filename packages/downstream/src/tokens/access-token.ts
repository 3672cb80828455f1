import type { ApiToken } from './token.ts'

/**
 * A token for an API, for client libraries that want one. It shows itself to nobody: not in logs,
 * not in JSON, not in a text. Ask for it for each call, and keep it nowhere.
 */
export class AccessToken {
  readonly api: string
  readonly scopes: readonly string[]
  /** Seconds since 1970. */
  readonly expiresAt: number
  readonly #text: string

  static {
    // What Node.js prints of it.
    function value(this: AccessToken): string {
      return this.toString()
    }
    Object.defineProperty(this.prototype, Symbol.for('nodejs.util.inspect.custom'), { value })
  }

  constructor(api: string, { text, scopes, expiresAt }: ApiToken) {
    this.api = api
    this.scopes = Object.freeze([...scopes])
    this.expiresAt = expiresAt
    this.#text = text
    Object.freeze(this)
  }

  /** The token itself. Code that has it can call the API as the user until it expires. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return `[AccessToken ${this.api}]`
  }

  toJSON(): string {
    return this.toString()
  }
}
