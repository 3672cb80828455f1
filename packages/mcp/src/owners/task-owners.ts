import { type Identity, memoryStore, type Store } from '@onbehalf/core'
import type { NewTask } from '../wire/json-rpc.ts'
import { digest, ownerOf } from './session-owner.ts'

// Longer than tasks live: a later request gets the answer for a task that does not exist.
const keptSeconds = 7 * 24 * 3600

// Stateless servers are made again for each request, while their tasks live on.
const thisProcess = memoryStore()

/**
 * Remembers whose a task is. The SDKs know a task by its id alone, or by its session: anyone who sends
 * the id could read another caller's result.
 */
export class TaskOwners {
  readonly #store: Store

  constructor(store: Store = thisProcess) {
    this.#store = store
  }

  /** The first owner stays. */
  async keep({ taskId, ttl }: NewTask, identity: Identity): Promise<void> {
    await this.#store.add(keyOf(taskId), digest(ownerOf(identity)), keptSeconds + ttl / 1000)
  }

  /** Those of the tasks that are not this caller's. */
  async foreign(
    taskIds: readonly unknown[],
    identity: Identity | undefined,
  ): Promise<readonly unknown[]> {
    const owned = await Promise.all(taskIds.map((taskId) => this.#owns(identity, taskId)))
    return taskIds.filter((_, index) => !owned[index])
  }

  async #owns(identity: Identity | undefined, taskId: unknown): Promise<boolean> {
    if (identity === undefined || typeof taskId !== 'string') return false
    return (await this.#store.get(keyOf(taskId))) === digest(ownerOf(identity))
  }
}

function keyOf(taskId: string): string {
  return `task:${digest(taskId)}`
}
