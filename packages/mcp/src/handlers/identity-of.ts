import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'

/** What a handler's context becomes behind a guard. */
export type WithIdentity<C, N = Identity> = C & { readonly identity: N }

const narrowed = new WeakMap<object, Identity>()

/**
 * The verified identity of a handler's context: `extra` in SDK v1, `ctx` in v2. Undefined without
 * one, and for a context or `AuthInfo` that was copied: identities travel by reference.
 *
 * It does not check expiry; guards do.
 *
 * @example
 * ```ts
 * server.registerTool('whoami', { inputSchema }, async (_args, ctx) => reply(identityOf(ctx)?.subject))
 * ```
 */
export function identityOf(context: unknown): Identity | undefined {
  if (typeof context !== 'object' || context === null) return undefined
  return narrowed.get(context) ?? identityOfAuthInfo(authInfoOf(context))
}

/** The record of the HTTP layer in a handler's context, of either SDK generation. */
export function authInfoOf(context: unknown): unknown {
  const { authInfo, http } = (context ?? {}) as {
    authInfo?: unknown
    http?: { authInfo?: unknown }
  }
  return authInfo ?? http?.authInfo
}

/**
 * A context with the identity added, for one handler. The SDK's own object stays as it is: property
 * descriptors are copied, so that getters and methods keep working, and so does spreading.
 */
export function withIdentity<C extends object>(
  context: C,
  identity: Identity | undefined,
): WithIdentity<C, Identity | undefined> {
  const copy = Object.create(Object.getPrototypeOf(context) as object | null) as WithIdentity<
    C,
    Identity | undefined
  >
  for (const name of Reflect.ownKeys(context)) {
    const property = Object.getOwnPropertyDescriptor(context, name)
    if (property !== undefined) Object.defineProperty(copy, name, property)
  }
  Object.defineProperty(copy, 'identity', { value: identity, enumerable: true })
  if (identity !== undefined) narrowed.set(copy, identity)
  return copy
}
