import { Agent } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AuditTrailOptions, createAuditTrail } from '@onbehalf/audit'
import { createTokenMinter } from '@onbehalf/testing'
import { onTestFinished } from 'vitest'
import { callTool, type ToolAnswer } from './call-tool.ts'
import { ada, adasIssuer, createGuardedSite } from './guarded-site.ts'

export interface AuditedSite {
  /** The calls that its tool ran for. */
  readonly ran: readonly string[]
  /** Calls the tool as Ada. */
  call(name: string): Promise<ToolAnswer>
}

/** A guarded MCP server over HTTP that records strictly, until the test is over. */
export async function startAuditedSite(
  options: Pick<AuditTrailOptions, 'sink'> & Partial<AuditTrailOptions>,
): Promise<AuditedSite> {
  const audit = createAuditTrail({ mode: 'strict', key: Buffer.alloc(32, 1), ...options })
  const minter = await createTokenMinter(adasIssuer)
  const ran: string[] = []
  const run = (call: string): void => void ran.push(call)
  const server = createGuardedSite({ jwks: minter.jwks, audit, run })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const agent = new Agent({ keepAlive: true })
  onTestFinished(async () => {
    agent.destroy()
    server.closeAllConnections()
    server.close()
    await audit.close()
  })
  const { port } = server.address() as AddressInfo
  const token = await minter.mint(ada)
  return { ran, call: (name) => callTool({ port, agent, token }, name) }
}
