import { asIdentityError, type IdentityError } from '../errors.ts'

/** Told about a refusal. */
export type RefusalObserver = (error: IdentityError) => void | Promise<void>

/** Tells an observer of the user's. Where it fails, the operator is warned: the caller is refused. */
export async function tellRefusal(
  thrown: unknown,
  tell: RefusalObserver,
  warn: (message: string) => void,
): Promise<void> {
  try {
    await tell(asIdentityError(thrown))
  } catch {
    warn('onRefusal failed; the caller was refused all the same')
  }
}
