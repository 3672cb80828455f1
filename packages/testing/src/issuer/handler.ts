import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Provider } from 'oidc-provider'
import type { TokenMinter } from '../tokens/mint-token.ts'
import { answerInteraction } from './interaction.ts'
import { createIssuerKeys } from './keys.ts'
import type { LocalIssuerOptions } from './options.ts'
import { ENTRA_TOKEN_PATH, INTERACTION_PATH, ROUTES } from './protocol.ts'
import { createProvider } from './provider.ts'
import type { Registry } from './registry.ts'
import { createIssuerStore } from './store.ts'

/** The part of a local issuer behind its HTTP server. */
export interface IssuerHandler {
  readonly minter: TokenMinter
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>
  rotateKeys(): Promise<void>
}

/** An authorization server that answers Node requests under the URL `issuer`. */
export async function createIssuerHandler(
  issuer: string,
  options: LocalIssuerOptions,
  registry: Registry,
): Promise<IssuerHandler> {
  const store = createIssuerStore()
  const alg = options.alg ?? 'RS256'
  let keys = await createIssuerKeys(issuer, alg)
  let provider = createProvider({ options, registry, store, keys })
  return {
    get minter() {
      return keys.minter
    },
    handle: (req, res) => answer(provider, registry, req, res),
    // oidc-provider's keys are fixed at construction; its memory is not, so sign-ins under way survive.
    rotateKeys: async () => {
      keys = await createIssuerKeys(issuer, alg, keys)
      provider = createProvider({ options, registry, store, keys })
    },
  }
}

async function answer(
  provider: Provider,
  registry: Registry,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (ENTRA_TOKEN_PATH.test(req.url ?? '')) req.url = ROUTES.token
  if (req.url?.startsWith(INTERACTION_PATH)) {
    await answerInteraction(provider, registry, req, res)
  } else {
    await provider.callback()(req, res)
  }
}
