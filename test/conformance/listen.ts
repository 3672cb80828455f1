import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An MCP endpoint on 127.0.0.1. */
export interface Running {
  readonly url: URL
  /** Stops at once; open connections are cut. */
  close(): Promise<void>
}

export async function listen(server: Server): Promise<Running> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
