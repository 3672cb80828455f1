import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { IdentityError } from '@onbehalf/core'
import { createFault } from '../http/refusals.ts'

/** @throws TypeError for anything but a server of `node:http` or `node:https` */
export function assertHttpServer(server: Server): asserts server is HttpServer {
  if (typeof (server as Partial<HttpServer> | undefined)?.closeAllConnections === 'function') return
  throw new TypeError('server must be an http.Server or https.Server of Node.js')
}

/** From now on answers every request with 503, in place of what the server did with it. */
export function refuseRequests(server: HttpServer): void {
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.removeAllListeners(event)
  }
  server.on('request', refuse)
}

function refuse(_request: IncomingMessage, response: ServerResponse): void {
  const error = new IdentityError('DOWN', { reason: 'server_stopping' })
  const { status, headers, body } = createFault(error)
  response.writeHead(status, { ...headers, connection: 'close' }).end(body)
}

const pollMilliseconds = 20

/** Resolves when a condition is met, or the time is over. */
export async function waitUntil(deadline: number, isMet: () => boolean): Promise<void> {
  while (!isMet() && performance.now() < deadline) await pause(pollMilliseconds)
}

/** Listens no more, and waits until the last answer is sent. What is open after the deadline is cut off. */
export class Closing {
  readonly #server: HttpServer
  #isClosed = false

  constructor(server: HttpServer) {
    this.#server = server
    // One that does not listen says so: it is as closed as it can be.
    server.close(() => {
      this.#isClosed = true
    })
  }

  async finish(deadline: number): Promise<void> {
    await waitUntil(deadline, () => {
      this.#server.closeIdleConnections()
      return this.#isClosed
    })
  }

  cut(): void {
    this.#server.closeAllConnections()
  }
}
