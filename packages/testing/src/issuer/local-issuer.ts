import { createServer } from 'node:http'
import { assertOptions, type OptionNames, toObserver } from '@onbehalf/core/internal'
import { close, listen } from '../loopback-server.ts'
import type { TokenMinter } from '../tokens/mint-token.ts'
import { importQuietly } from './import-quietly.ts'
import type { LocalIssuerOptions } from './options.ts'
import { createRegistry } from './registry.ts'
import { createIssuerRequests, type IssuerRequests } from './requests.ts'

/** A running authorization server. */
export interface LocalIssuer extends IssuerRequests {
  /** Signs with the issuer's current key what the issuer itself would never issue. */
  readonly minter: TokenMinter
  /** Signs with a new key from now on. The previous key stays published until the next rotation. */
  rotateKeys(): Promise<void>
  /** Stops at once; open connections are cut. */
  close(): Promise<void>
}

const optionNames: OptionNames<LocalIssuerOptions> = {
  users: true,
  clients: true,
  resources: true,
  profile: true,
  preTokenTrigger: true,
  trustedIssuers: true,
  alg: true,
  accessTokenSeconds: true,
  port: true,
  onError: true,
}

/**
 * Starts an OpenID provider (the package oidc-provider) on 127.0.0.1, with keys made on the spot. It serves
 * discovery (OpenID Connect Discovery, RFC 8414), JWKS, authorization code with PKCE, client credentials
 * and, in the standard profile, token exchange (RFC 8693), the on-behalf-of flow of Microsoft Entra and
 * identity assertions (ID-JAG, RFC 7523). It checks no passwords: for tests and trials only.
 *
 * @throws TypeError for contradictory options.
 * @example
 * const issuer = await createLocalIssuer({
 *   users: [{ id: 'ada', organization: { id: 'acme' }, roles: ['member'] }],
 *   clients: [{ id: 'gateway', secret: 'gateway-secret' }],
 *   resources: [{ uri: 'https://mcp.example.com/mcp', scopes: ['mcp/invoke'] }],
 * })
 * const { accessToken } = await issuer.signIn({ user: 'ada' })
 * await issuer.close()
 */
export async function createLocalIssuer(options: LocalIssuerOptions): Promise<LocalIssuer> {
  assertOptions('createLocalIssuer', options, optionNames)
  const onError = toObserver(options.onError)
  const registry = createRegistry(options)
  const { createIssuerHandler } = await importQuietly(() => import('./handler.ts'))
  const server = createServer()
  const issuer = await listen(server, options.port ?? 0)
  try {
    const handler = await createIssuerHandler(issuer, { ...options, onError }, registry)
    server.on('request', (req, res) => {
      handler.handle(req, res).catch((error: unknown) => {
        onError(error)
        res.destroy()
      })
    })
    return {
      ...createIssuerRequests(issuer, registry),
      get minter() {
        return handler.minter
      },
      rotateKeys: () => handler.rotateKeys(),
      close: () => close(server),
    }
  } catch (error) {
    server.close()
    throw error
  }
}
