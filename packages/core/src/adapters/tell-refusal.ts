import { asIdentityError, type IdentityError } from '../errors.ts'
import { toObserver } from '../internal/options.ts'

/** Receives a refusal. */
export type RefusalObserver = (error: IdentityError) => void | Promise<void>

/** Calls a user's observer. If it fails, the operator is warned: the caller stays refused. */
export function tellRefusal(
  thrown: unknown,
  tell: RefusalObserver,
  warn: (message: string) => void,
): void {
  const failed = (): void => warn('onRefusal failed; the caller was refused all the same')
  toObserver(tell, failed)(asIdentityError(thrown))
}
