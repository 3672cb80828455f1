import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { deliveryOf } from '../ambient/channels.ts'

/** What a handler's context becomes behind a guard. */
export type WithIdentity<C, N = Identity> = C & { readonly identity: N }

const narrowed = new WeakMap<object, Identity>()

/**
 * The verified identity of a handler's context: `extra` in SDK v1, `ctx` in v2. Its organization is
 * the one that a guard chose for the call. Undefined without an identity, and for a context or
 * `AuthInfo` that was copied: identities travel by reference.
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
  return narrowed.get(context) ?? actingIn(context) ?? identityOfAuthInfo(authInfoOf(context))
}

/** The identity of a context's request in the organization that the gate chose for it. */
export function actingIn(context: unknown): Identity | undefined {
  const open = deliveryOf(context)?.open
  // Not for a context that was made below the handler of another request.
  const isOwn = open?.identity === identityOfAuthInfo(authInfoOf(context))
  return isOwn ? open?.acting : undefined
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
  const copy = copyOf(context)
  const fixed = { enumerable: true, writable: false, configurable: false }
  Object.defineProperty(copy, 'identity', { value: identity, ...fixed })
  if (identity !== undefined) narrowed.set(copy, identity)
  return copy as WithIdentity<C, Identity | undefined>
}

function copyOf(context: object): object {
  // Both SDKs make literals, which are copied by far the quickest when spread.
  if (isLiteral(context)) return { ...context }
  const copy = Object.create(Object.getPrototypeOf(context) as object | null) as object
  for (const name of Reflect.ownKeys(context)) {
    const property = Object.getOwnPropertyDescriptor(context, name)
    if (property && name !== 'identity') Object.defineProperty(copy, name, property)
  }
  return copy
}

/** Whether there is nothing in it that spreading would change. */
function isLiteral(value: object): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  for (const name of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, name)
    if (!property?.enumerable || !('value' in property)) return false
  }
  return true
}
