import type { WithIdentity } from './identity-of.ts'

/**
 * A handler behind a guard. `A` is its first parameter: the arguments of a tool or prompt, or the
 * URI of a resource. `P` is what comes between that and the context: the variables of a resource
 * template. `N` is what the guard makes known about the identity.
 *
 * Everything infers where the handler is written inside `registerTool` and its siblings. On its own
 * a handler names the type of its arguments, and that of a resource template its context too, as
 * `WithIdentity<unknown, WithOrganization>`.
 */
export type Handler<A, P extends unknown[], C, N, R> = (
  first: A,
  ...rest: [...P, WithIdentity<C, N>]
) => R

/**
 * What a guard makes of a handler: the callback that `registerTool` and its siblings take. A refused
 * tool call resolves to a result with `isError`; a refused resource or prompt rejects.
 */
export type GuardedHandler<A, P extends unknown[], C, R> = (
  first: A,
  ...rest: [...P, C]
) => Promise<Awaited<R>>

/** What `match` may look at: the parameter in front of the context. */
export type ArgumentsOf<A, P> = P extends readonly [...unknown[], infer V] ? V : A
