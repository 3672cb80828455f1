import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import type { InterceptorEvent, PreTokenTrigger, RequestInterceptor } from '@onbehalf/aws'
import { type Authenticator, createAuthenticator, direct } from '@onbehalf/core'
import { cognito } from '@onbehalf/core/issuers'
import { protect, requireUser } from '@onbehalf/mcp'
import { createLocalGateway, type LocalGateway, type LocalTarget } from '@onbehalf/testing'
import express, { type Express, type RequestHandler } from 'express'
import { vi } from 'vitest'
import { z } from 'zod'
import { type Cognito, startCognito } from './cognito.ts'
import type { Deployment } from './deployment.ts'
import { type Bundles, startSecrets } from './functions.ts'
import { issuerOf, REGION, TOKEN_ENDPOINT } from './names.ts'

/** A template, deployed to this machine. */
export interface Stack {
  readonly cognito: Cognito
  readonly gateway: LocalGateway
  readonly serverUrl: string
  /** Lines of both functions' logs. */
  readonly log: readonly string[]
  close(): Promise<void>
}

/** Puts the code of a page into a web server: the page says what it accepts. */
export type Accept = (app: Express, handleMcp: RequestHandler) => Promise<unknown>

/**
 * Deploys what a template creates: user pools behind local issuers, functions as bundles with their
 * environment, and the local gateway with the template's authorizer, interceptor and target. `onGateway` is
 * called between the start of the gateway and that of the functions.
 */
export async function runDeployment(
  deployment: Deployment,
  bundles: Bundles,
  accept: Accept,
  onGateway: (cognito: Cognito) => void = () => {},
): Promise<Stack> {
  const log: string[] = []
  const console = vi.spyOn(globalThis.console, 'log').mockImplementation((line: string) => {
    log.push(line)
  })
  const closeSecrets = await startSecrets(deployment.secrets)
  let trigger: PreTokenTrigger | undefined
  const cognitoOfBoth = await startCognito({
    tokenEndpoint: TOKEN_ENDPOINT,
    scopes: deployment.pool.scopes,
    // Cognito calls the function that the pool names, when it is the one that was created.
    trigger: isAttached(deployment) ? (event) => trigger?.(event) ?? event : undefined,
  })
  const authorizer = toAuthorizer(deployment.gateway.authorizer)
  await authorizer.ready()
  onGateway(cognitoOfBoth)
  if (deployment.trigger) {
    trigger = (await bundles.start(
      'pre-token-trigger',
      deployment.trigger.environment,
    )) as PreTokenTrigger
  }
  const interceptor = (await bundles.start(
    'request-interceptor',
    deployment.interceptor.environment,
  )) as RequestInterceptor
  const server = await startServer(accept)
  const gateway = await startGateway(deployment, authorizer, interceptor, server.url)
  return {
    cognito: cognitoOfBoth,
    gateway,
    serverUrl: server.url,
    log,
    close: async () => {
      await gateway.close()
      server.close()
      await cognitoOfBoth.close()
      closeSecrets()
      console.mockRestore()
    },
  }
}

function isAttached({ pool, trigger }: Deployment): boolean {
  const version = pool.trigger?.LambdaVersion === 'V3_0' && pool.plan === 'ESSENTIALS'
  return version && trigger !== undefined && pool.trigger?.LambdaArn === trigger.arn
}

async function startGateway(
  { gateway, target, interceptor: own }: Deployment,
  authenticator: Authenticator,
  interceptor: RequestInterceptor,
  endpoint: string,
): Promise<LocalGateway> {
  const [configured] = gateway.interceptors.filter(
    ({ InterceptionPoints: points, Interceptor: { Lambda } }) =>
      points.includes('REQUEST') && Lambda.Arn === own.arn,
  )
  const seesHeaders = configured?.InputConfiguration.PassRequestHeaders === true
  return createLocalGateway({
    authenticator,
    ...(configured && {
      interceptor: (event) => interceptor(seesHeaders ? event : withoutHeaders(event)),
    }),
    targets: [toTarget(target, endpoint)],
  })
}

/** `CUSTOM_JWT`, by the discovery document of a user pool. */
function toAuthorizer({ DiscoveryUrl, AllowedClients }: Deployment['gateway']['authorizer']) {
  const [, userPoolId = ''] =
    /^https:\/\/cognito-idp\.eu-west-1\.amazonaws\.com\/([^/]+)\/\.well-known\/openid-configuration$/.exec(
      DiscoveryUrl,
    ) ?? []
  const people = cognito({ region: REGION, userPoolId, audience: null, clients: AllowedClients })
  return createAuthenticator({
    resource: 'https://gateway.example.com',
    sources: [direct({ issuer: people })],
  })
}

function toTarget(
  { name, credential, allowedRequestHeaders }: Deployment['target'],
  endpoint: string,
): LocalTarget {
  return {
    name,
    endpoint,
    credential: credential
      ? {
          type: 'clientCredentials',
          provider: { tokenEndpoint: endpointOf(credential.discoveryUrl), ...credential },
          scopes: credential.scopes,
        }
      : { type: 'none' },
    ...(allowedRequestHeaders && { metadataConfiguration: { allowedRequestHeaders } }),
  }
}

/** What the discovery document of the machines' user pool says. */
function endpointOf(discoveryUrl: string): string {
  if (!discoveryUrl.startsWith(issuerOf('eu-west-1_Machines1'))) throw new Error('no user pool')
  return TOKEN_ENDPOINT
}

function withoutHeaders(event: InterceptorEvent): InterceptorEvent {
  const { headers: _hidden, ...gatewayRequest } = event.mcp?.gatewayRequest ?? {
    path: '',
    httpMethod: '',
  }
  return { ...event, mcp: { gatewayRequest } }
}

async function startServer(accept: Accept): Promise<{ url: string; close: () => void }> {
  const app = express()
  const handle = toNodeHandler(createMcpHandler(createInvoices))
  await accept(app, (req, res) => void handle(req, res))
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function createInvoices(): McpServer {
  const server = protect(new McpServer({ name: 'invoices', version: '1.0.0' }))
  server.registerTool(
    'whoami',
    { inputSchema: z.object({}) },
    requireUser(async (_args, { identity }) => {
      const { subject, organization, actor, source } = identity
      const text = JSON.stringify({ subject, organization: organization?.id, actor, source })
      return { content: [{ type: 'text', text }] }
    }),
  )
  return server
}
