import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * The record of the caller that a transport without headers speaks for, on its way to the gate. Not every
 * path between the two hands on what a transport says about a message.
 */
export const arrivals: AsyncLocalStorage<unknown> = new AsyncLocalStorage()
