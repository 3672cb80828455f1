import {
  type Claims,
  createAuthenticator,
  direct,
  type Identity,
  type IssuerOptions,
} from '@onbehalf/core'
import { expectRefused } from './expect-refused.ts'
import { bearer, canary, clock, type Party, resource } from './world.ts'

type Options = Partial<IssuerOptions>

/** Tokens of one party, sent directly to a server that knows its issuer with these options. */
export interface DirectTokens {
  readonly authenticate: (token: string, options?: Options) => Promise<Identity>
  /** The identity that a token with these claims stands for. */
  readonly accepts: (claims: Claims, options?: Options, header?: object) => Promise<Identity>
  /** Expects a token with these claims to be refused as `TOK`. */
  readonly expectReason: (
    reason: string,
    claims: Claims,
    options?: Options,
    header?: object,
  ) => Promise<void>
}

export function directTokens(party: Party): DirectTokens {
  const authenticate: DirectTokens['authenticate'] = (token, options = {}) => {
    const sources = [direct({ issuer: party.issuer(options) })]
    return createAuthenticator({ resource, clock, sources }).authenticate(bearer(token))
  }
  return {
    authenticate,
    accepts: async (claims, options, header) =>
      authenticate(await party.token(claims, header), options),
    expectReason: async (reason, claims, options, header) => {
      const token = await party.token(claims, header)
      const refused = { code: 'TOK', reason } as const
      await expectRefused(() => authenticate(token, options), refused, token, canary)
    },
  }
}
