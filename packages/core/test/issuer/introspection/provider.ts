import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Configuration, default as OidcProvider } from 'oidc-provider'
import { onTestFinished } from 'vitest'
import { resource } from '../../support/world.ts'

export const resourceServer = { id: 'mcp server', secret: 'secret: +%&=' }
export const machine = { id: 'machine', secret: 'machine-secret' }

/** An oidc-provider whose access tokens are opaque. */
export interface OpaqueIssuer {
  readonly name: string
  readonly endpoint: string
  readonly provider: OidcProvider
  /** An access token of a person, as a sign-in at the machine's client would give it. */
  readonly personToken: (session?: string) => Promise<string>
  readonly refreshToken: () => Promise<string>
  /** The answer of the token endpoint to client credentials. */
  readonly machineToken: (dpop?: string) => Promise<{ readonly access_token: string }>
  readonly withdraw: (token: string) => Promise<void>
  /** Posts a logout token to the client of the machine. */
  readonly logOut: (subject: string, session: string) => Promise<void>
}

export interface OpaqueIssuerOptions {
  readonly logoutUri?: string
}

export async function startOpaqueIssuer(options: OpaqueIssuerOptions = {}): Promise<OpaqueIssuer> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const name = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = await createProvider(name, options)
  const handle = provider.callback()
  server.on('request', (req, res) => void handle(req, res))

  async function post(
    path: string,
    form: Record<string, string>,
    dpop?: string,
  ): Promise<Response> {
    const answer = await fetch(name + path, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: {
        authorization: `Basic ${btoa(`${machine.id}:${machine.secret}`)}`,
        ...(dpop !== undefined && { dpop }),
      },
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }

  async function granted(): Promise<{ grantId: string; accountId: string; scope: string }> {
    const accountId = 'jane'
    const grant = new provider.Grant({ accountId, clientId: machine.id })
    return { grantId: await grant.save(), accountId, scope: 'notes:read' }
  }

  return {
    name,
    provider,
    endpoint: `${name}/token/introspection`,
    async personToken(sid) {
      const client = await provider.Client.find(machine.id)
      const token = new provider.AccessToken({ client, sid, ...(await granted()) } as never)
      token.resourceServer = new provider.ResourceServer(resource, {
        scope: 'notes:read',
        audience: resource,
        accessTokenFormat: 'opaque',
      })
      return token.save()
    },
    async refreshToken() {
      const client = await provider.Client.find(machine.id)
      return new provider.RefreshToken({ client, ...(await granted()) } as never).save()
    },
    async machineToken(dpop) {
      const form = { grant_type: 'client_credentials', resource, scope: 'notes:read' }
      return (await (await post('/token', form, dpop)).json()) as { access_token: string }
    },
    async logOut(subject, session) {
      const client = await provider.Client.find(machine.id)
      // It exists; its types leave it out.
      const able = client as unknown as {
        backchannelLogout(subject: string, session: string): Promise<void>
      }
      await able.backchannelLogout(subject, session)
    },
    withdraw: async (token) => void (await post('/token/revocation', { token })),
  }
}

async function createProvider(
  name: string,
  { logoutUri }: OpaqueIssuerOptions,
): Promise<OidcProvider> {
  const { default: Provider } = await quietly(() => import('oidc-provider'))
  const redirects = { redirect_uris: [], response_types: [] }
  const configuration: Configuration = {
    clients: [
      {
        client_id: resourceServer.id,
        client_secret: resourceServer.secret,
        grant_types: [],
        ...redirects,
      },
      {
        client_id: machine.id,
        client_secret: machine.secret,
        grant_types: ['client_credentials'],
        ...(logoutUri !== undefined && {
          backchannel_logout_uri: logoutUri,
          backchannel_logout_session_required: true,
        }),
        ...redirects,
      },
    ],
    cookies: { keys: [randomUUID()] },
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, audience) => ({
          scope: 'notes:read',
          audience,
          accessTokenFormat: 'opaque',
        }),
      },
    },
    // Its own dispatcher refuses the loopback, which is all there is here.
    fetch: (url, init) => {
      const { dispatcher: _own, ...rest } = { ...init } as RequestInit & { dispatcher?: unknown }
      return fetch(url, rest)
    },
    scopes: ['notes:read', 'offline_access'],
    ttl: { AccessToken: 300, ClientCredentials: 300, RefreshToken: 600, Grant: 600 },
  }
  return quietly(() => new Provider(name, configuration))
}

/** Without the notices that this is no production server, and that Node 20 is not supported. */
async function quietly<T>(work: () => T | Promise<T>): Promise<T> {
  const target: Pick<Console, 'warn'> = globalThis.console
  const { warn } = target
  target.warn = () => {}
  try {
    return await work()
  } finally {
    target.warn = warn
  }
}
