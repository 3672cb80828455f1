import type { Identity, Store } from '@onbehalf/core'
import { guardedStore, type Place, Places } from '@onbehalf/core/internal'
import type { NewTask } from '../wire/json-rpc.ts'
import { digest, ownerOf } from './session-owner.ts'

const weekSeconds = 7 * 24 * 3600
const yearSeconds = 366 * 24 * 3600

// Stateless servers are made again for each request, while their tasks live on.
const placesIn = new WeakMap<Store, Places>()

/**
 * Remembers whose a task is. The SDKs know a task by its id alone, or by its session: anyone who sends
 * the id could read another caller's result.
 */
export class TaskOwners {
  readonly #store: Store
  readonly #places: Places

  constructor(store: Store) {
    this.#store = guardedStore(store)
    this.#places = placesIn.get(store) ?? new Places()
    placesIn.set(store, this.#places)
  }

  /**
   * A place for a task that is about to be made; undefined when the caller has too many. A store that
   * is away is noticed now, and not when the task runs already.
   *
   * @throws IdentityError `DOWN`
   */
  async reserve(identity: Identity): Promise<Place | undefined> {
    const owner = digest(ownerOf(identity))
    await this.#store.get(keyOf(owner))
    return this.#places.take(owner)
  }

  /** No task was made. */
  free(place: Place): void {
    this.#places.free(place)
  }

  /**
   * The first owner stays.
   *
   * @throws IdentityError `DOWN`
   */
  async keep(task: NewTask, identity: Identity, reserved?: Place): Promise<void> {
    const owner = digest(ownerOf(identity))
    const place = reserved ?? this.#places.add(owner)
    const seconds = secondsOf(task)
    this.#places.keep(place, seconds)
    const isKept = await this.#store.add(keyOf(task.taskId), owner, seconds).catch((error) => {
      this.#places.free(place)
      throw error
    })
    if (!isKept) this.#places.free(place)
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

/** The SDK counts `ttl` from the start of a task, and again from its end. */
function secondsOf({ ttl }: NewTask): number {
  return ttl === 0 ? weekSeconds : Math.min(Math.max(1, (2 * ttl) / 1000), yearSeconds)
}

function keyOf(taskId: string): string {
  return `task:${digest(taskId)}`
}
