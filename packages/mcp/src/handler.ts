import type { WithIdentity } from './identity-of.ts'

/**
 * A handler behind a guard. `P` is what comes before the context: a tool's or prompt's arguments, a
 * resource's URI, or a URI and its template's variables.
 */
export type Handler<P extends unknown[], C, N, R> = (...params: [...P, WithIdentity<C, N>]) => R

/**
 * What a guard makes of a handler: the callback that `registerTool` and its siblings take. A refused
 * tool call resolves to a result with `isError`; a refused resource or prompt rejects.
 */
export type GuardedHandler<P extends unknown[], C, R> = (
  ...params: [...P, C]
) => Promise<Awaited<R>>

/** What a guard may look at besides the identity: the parameter in front of the context. */
export type ArgumentsOf<P> = P extends readonly [...unknown[], infer A] ? A : undefined
