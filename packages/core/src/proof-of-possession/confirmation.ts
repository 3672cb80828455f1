import type { Context, TokenHolder } from '../context.ts'
import type { Credential, Credentials } from '../credentials/credentials.ts'
import type { CredentialRequest } from '../credentials/header-lines.ts'
import { IdentityError } from '../errors.ts'
import { isEmpty, isRecord } from '../internal/values.ts'
import type { ConfirmationMetadata } from '../refusal/metadata.ts'
import type { JsonObject } from '../token/json-object.ts'

/** What a confirmation looks at. */
export interface ConfirmationInput {
  readonly holder: TokenHolder
  /** The token that is bound to a key. */
  readonly credential: Credential
  readonly credentials: Credentials
  readonly request: CredentialRequest
  readonly context: Context
  /** Identifier of this server, to compare a proof's target with. */
  readonly resource: string
}

/** One way in which a caller can prove that a sender-constrained token is its own. */
export interface Confirmation {
  /** Member of `cnf` that it verifies (RFC 7800 section 3.1). */
  readonly member: BindingMember
  /** Headers that it reads, in lower case. */
  readonly headers: readonly string[]
  /** Whether a token in `Authorization` that is not bound this way is refused. */
  readonly required: boolean
  /** What the resource's metadata says about it. */
  readonly metadata: ConfirmationMetadata
  /** @throws IdentityError `TOK`, `DOWN` */
  confirm(value: unknown, input: ConfirmationInput): Promise<void>
}

/** Members that bind a token to a key (IANA registry "JWT Confirmation Methods"). */
const bindingMembers = ['jwk', 'jwe', 'kid', 'jku', 'x5t#S256', 'osc', 'jkt'] as const
type BindingMember = (typeof bindingMembers)[number]

/**
 * Checks every member of a token's `cnf` that binds. One that nothing here verifies refuses the
 * token: it is bound to a key that this caller has not shown. Other members, such as Keycloak's
 * `kc-jkt-type`, are annotations and ignored; with nothing else in it, `cnf` cannot be confirmed.
 *
 * @returns a promise only where there is something to wait for
 * @throws IdentityError `TOK` and what the confirmations throw
 */
export function confirmAll(
  cnf: unknown,
  confirmations: readonly Confirmation[],
  input: ConfirmationInput,
): Promise<void> | undefined {
  const { header, scheme } = input.credential
  const own = header === 'authorization'
  const required = confirmations.filter((confirmation) => own && confirmation.required)
  if (isEmpty(cnf) && scheme === 'bearer' && required.length === 0) return undefined
  // A party that forwards someone else's token cannot prove possession for them.
  if (!own || !isRecord(cnf)) throw unconfirmed()
  const bindings = bindingMembers.filter((member) => !isEmpty(cnf[member]))
  if (bindings.length === 0) throw unconfirmed()
  // RFC 9449 section 7.2: the scheme and the binding go together, both ways.
  if ((scheme === 'dpop') !== bindings.includes('jkt')) throw unconfirmed()
  if (required.some(({ member }) => !bindings.includes(member))) throw unconfirmed()
  return confirmEach(cnf, bindings, { confirmations, input })
}

async function confirmEach(
  cnf: JsonObject,
  bindings: readonly BindingMember[],
  { confirmations, input }: { confirmations: readonly Confirmation[]; input: ConfirmationInput },
): Promise<void> {
  for (const member of bindings) {
    const confirmation = confirmations.find((candidate) => candidate.member === member)
    if (confirmation === undefined) throw unconfirmed()
    await confirmation.confirm(cnf[member], input)
  }
}

/**
 * Lists confirmations.
 *
 * @throws TypeError when two of them verify the same member: the second would never be asked
 */
export function toConfirmations(
  confirmations: readonly Confirmation[] = [],
): readonly Confirmation[] {
  const members = new Set(confirmations.map(({ member }) => member))
  if (members.size === confirmations.length) return [...confirmations]
  throw new TypeError('confirmations must not name one kind twice')
}

function unconfirmed(): IdentityError {
  return new IdentityError('TOK', { reason: 'sender_constrained' })
}
