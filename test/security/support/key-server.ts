import { onTestFinished } from 'vitest'
import { listen } from './http.ts'

/** A JWKS URL that counts how often it is asked. */
export interface KeyServer {
  readonly url: string
  /** Every request, also one for another path. */
  readonly fetches: number
  publish(keys: readonly unknown[]): void
  /** From now on it answers with this status. */
  fail(status: number): void
}

export async function startKeyServer(published: readonly unknown[] = []): Promise<KeyServer> {
  let keys = published
  let status = 200
  let fetches = 0
  const { port, close } = await listen((_req, res) => {
    fetches += 1
    res.statusCode = status
    res.end(JSON.stringify({ keys }))
  })
  onTestFinished(close)
  return {
    url: `http://127.0.0.1:${port}/jwks`,
    get fetches() {
      return fetches
    },
    publish: (next) => {
      keys = next
    },
    fail: (next) => {
      status = next
    },
  }
}
