import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * A request handler of Express 4 and 5. It is written with the types of Node alone, so that either
 * `@types/express`, or none, fits.
 */
export type Middleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void
