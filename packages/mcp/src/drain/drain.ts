import type { Server as HttpServer } from 'node:http'
import type { Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { deny } from '@onbehalf/core/guards'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { endCalls, hasRunningCalls } from '../gate/open-requests.ts'
import { endStreams } from '../wire/expiry.ts'
import { assertClosables, type Closable, closeAll } from './close-all.ts'
import { assertHttpServer, Closing, refuseRequests, waitUntil } from './http-server.ts'

export interface DrainOptions {
  /**
   * What is closed at the end, in this order: the audit trail first, then mirrors of revocations, then
   * clients and pools of the stores that they use. Default: nothing.
   */
  readonly close?: readonly Closable[]
  /**
   * For how long calls are served as before while `isDraining` says that the server stops, so that a load
   * balancer sends no more. `0` where it sends none by then. Default: 5 seconds.
   */
  readonly noticeSeconds?: number
  /** How long running calls may take to end by themselves. Default: 15 seconds. */
  readonly seconds?: number
  /** How long `close` may take, all of it together. Default: 5 seconds. */
  readonly closeSeconds?: number
}

/** What a server left behind. */
export interface DrainReport {
  /** How many calls were ended because their time was over. */
  readonly ended: number
  /** Why something in `close` could not be closed, or not in time. */
  readonly failures: readonly unknown[]
}

const known: OptionNames<DrainOptions> = {
  close: true,
  noticeSeconds: true,
  seconds: true,
  closeSeconds: true,
}

// For the last answers to be sent.
const answerMilliseconds = 1000

const draining = new WeakMap<Server, Promise<DrainReport>>()

/**
 * Stops a server without losing calls, for `SIGTERM`:
 *
 * 1. `isDraining` turns true for the readiness probe, and calls are served for `noticeSeconds` more.
 * 2. Open streams end: of GET requests and `subscriptions/listen`. Every new request is answered with 503,
 *    `Retry-After` and `Connection: close`.
 * 3. Running calls end by themselves within `seconds`. Those that do not are answered with the reason
 *    `server_stopping`, and the `signal` in the context of their handlers is aborted.
 * 4. The server is closed, and then everything in `close`.
 *
 * It takes at most `noticeSeconds`, `seconds`, `closeSeconds` and one second more, whatever handlers and
 * stores do. It does not end the process. A second call for the same server returns the promise of the
 * first.
 *
 * Calls and streams of all guarded servers in the process are ended: it is for a process that stops.
 *
 * @param server what `listen` of Express, `serve` of Hono or `createServer` of `node:http` or `node:https`
 *   returns; with Fastify `app.server`
 * @throws TypeError when the server or an option is wrong
 *
 * @example
 * ```ts
 * const server = app.listen(3000)
 * process.on('SIGTERM', () => {
 *   void drain(server, { seconds: 20 }).then(() => process.exit())
 * })
 * ```
 */
export function drain(server: Server, options: DrainOptions = {}): Promise<DrainReport> {
  assertHttpServer(server)
  assertOptions('drain', options, known)
  const { close = [], noticeSeconds = 5, seconds = 15, closeSeconds = 5 } = options
  assertClosables(close)
  assertSeconds({ noticeSeconds, seconds, closeSeconds })
  const begun = draining.get(server)
  if (begun !== undefined) return begun
  const stop = async (): Promise<DrainReport> => {
    await pause(noticeSeconds * 1000)
    refuseRequests(server)
    endStreams()
    const ended = await finishCalls(server, seconds)
    const failures = await closeAll(close, performance.now() + closeSeconds * 1000)
    return { ended, failures }
  }
  const stopped = stop()
  draining.set(server, stopped)
  return stopped
}

/** Whether a server is being drained: what its readiness probe has to say no to. */
export function isDraining(server: Server): boolean {
  return draining.has(server)
}

async function finishCalls(server: HttpServer, seconds: number): Promise<number> {
  const deadline = performance.now() + seconds * 1000
  await waitUntil(deadline, () => !hasRunningCalls())
  const closing = new Closing(server)
  await closing.finish(deadline)
  const ended = endCalls(deny('drain', 'server_stopping'))
  await closing.finish(deadline + answerMilliseconds)
  closing.cut()
  return ended
}

/** @throws TypeError naming the option that no timer can count */
function assertSeconds(options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'number' && value >= 0 && value <= 86_400) continue
    throw new TypeError(`${name} must be a number from 0 to 86400`)
  }
}
