import { type Deny, deny } from '@onbehalf/core/guards'
import type { Protection } from '../protection.ts'
import type { TargetedRequest } from './decide-request.ts'

const tooMany: Deny = deny('owner', 'too_many_open')

/**
 * Takes a place for the task that a request asks for, before the task is made: nobody could fetch the
 * result of one that is not remembered. Then does the work that comes before the task.
 *
 * @returns why there is no place
 * @throws IdentityError `DOWN` when the store does not answer, and what the work throws
 */
export async function inPlace(
  protection: Protection,
  open: TargetedRequest,
  work: () => Promise<void> | undefined,
): Promise<Deny | undefined> {
  const place = open.identity && (await protection.tasks.reserve(open.identity))
  if (place === undefined) return tooMany
  open.place = place
  try {
    await work()
  } catch (error) {
    protection.tasks.free(place)
    throw error
  }
  return undefined
}
