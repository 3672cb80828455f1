import { createServer } from 'node:http'
import { assertOptions, type OptionNames, toObserver } from '@onbehalf/core/internal'
import { close, listen } from '../loopback-server.ts'
import { handleGatewayRequest } from './handler.ts'
import type { LocalGatewayOptions } from './options.ts'
import { type Target, toTargets } from './targets.ts'
import { type ListedTool, listTools } from './tools.ts'

/** A running gateway. */
export interface LocalGateway {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /**
   * Where callers reach a target: `{url}/{target}/mcp`.
   * @throws TypeError for a target that was not declared.
   */
  mcpUrl(target: string): string
  /**
   * Lists a target's tools as the gateway does for itself when it synchronizes a target whose
   * `listingMode` is `DEFAULT`: with its machine token, and without a caller. Nothing is kept; what
   * callers list is always asked of the target.
   * @throws Error when the target refuses, OAuthError when the issuer does; TypeError for `passthrough`.
   */
  listTools(target: string): Promise<readonly ListedTool[]>
  /**
   * The machine token for a target, to call it without the gateway as a thief would.
   * @throws OAuthError when the issuer refuses; TypeError for `passthrough`.
   */
  machineToken(target: string): Promise<string>
  /** Stops at once; open connections are cut. */
  close(): Promise<void>
}

const optionNames: OptionNames<LocalGatewayOptions> = {
  authenticator: true,
  targets: true,
  interceptor: true,
  port: true,
  onHop: true,
  onError: true,
  clock: true,
}

/**
 * Starts a gateway on 127.0.0.1 that behaves towards MCP servers as Amazon Bedrock AgentCore Gateway does:
 * it authenticates callers itself, and calls each target with its own credential.
 *
 * Tools keep their names, session ids are the target's, and messages are not looked into: there is no
 * policy, and no merging of targets. Only an interceptor meets tools as `target___tool`.
 *
 * @throws TypeError for options that AgentCore Gateway would refuse.
 * @example
 * const gateway = await createLocalGateway({
 *   authenticator: createAuthenticator({ resource, sources: [direct({ issuer: people })] }),
 *   targets: [
 *     {
 *       name: 'invoices',
 *       endpoint: 'http://127.0.0.1:3001/mcp',
 *       credential: {
 *         type: 'clientCredentials',
 *         provider: { tokenEndpoint: 'http://127.0.0.1:4000/oauth2/token', clientId, clientSecret },
 *         forwardInboundToken: { header: 'x-user-token' },
 *       },
 *       metadataConfiguration: { allowedRequestHeaders: ['x-user-token'] },
 *     },
 *   ],
 * })
 * const url = gateway.mcpUrl('invoices')
 */
export async function createLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  assertOptions('createLocalGateway', options, optionNames)
  const { authenticator, interceptor, clock = () => Date.now() / 1000 } = options
  const closing = new AbortController()
  const targets = toTargets(options.targets, { clock, closing: closing.signal })
  const onError = toObserver(options.onError)
  const { onHop } = options
  const hooks = { ...(onHop && { onHop: toObserver(onHop, onError) }), onError }
  const context = { authenticator, targets, interceptor, ...hooks }
  const server = createServer((req, res) => {
    handleGatewayRequest(context, req, res).catch((error: unknown) => {
      res.destroy()
      onError(error)
    })
  })
  const url = await listen(server, options.port ?? 0)
  return {
    url,
    mcpUrl: (name) => `${url}/${targetOf(targets, name).name}/mcp`,
    listTools: async (name) => listTools(targetOf(targets, name), hooks, closing.signal),
    machineToken: async (name) => targetOf(targets, name).outbound.machineToken(),
    close: () => {
      closing.abort()
      return close(server)
    },
  }
}

function targetOf(targets: ReadonlyMap<string, Target>, name: string): Target {
  const target = targets.get(name)
  if (!target) throw new TypeError('"target" is not declared')
  return target
}
