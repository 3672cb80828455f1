import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import type { CredentialRequest } from '../credentials/header-lines.ts'
import { type Confirmation, confirmAll } from '../proof-of-possession/confirmation.ts'
import { audiencesAt } from '../resources/at-resource.ts'
import type { FoundResource, Resources } from '../resources/resources.ts'
import { conditionsOf } from '../verdicts/conditions.ts'

/** What the contexts of one authenticator share. */
export interface ContextParts extends Pick<Context, 'checkRevoked'> {
  readonly resources: Resources
  readonly confirmations: readonly Confirmation[]
  /** The names under which identities of an issuer are known. */
  readonly namesOf: (issuer: string) => readonly string[]
}

export type CreateContext = (
  about: Pick<Context, 'now' | 'report'> & { readonly found?: FoundResource | undefined },
  request: CredentialRequest,
  credentials: Credentials,
) => Context

/** Makes what the steps of one verification share. What is looked at in it becomes a condition. */
export function toContexts(parts: ContextParts): CreateContext {
  const { resources, confirmations, namesOf } = parts
  return ({ now, report, found }, request, credentials) => {
    const resource = found?.resource.id ?? resources.stated[0]
    const context: Context = {
      now,
      report,
      ...(found && {
        resource: found.resource,
        audiencesAt: (audiences) => audiencesAt(audiences, found, resources),
      }),
      issuerName: (name) => namesOf(name)[0] ?? name,
      checkRevoked(revocable) {
        conditionsOf(context)?.notRevoked(revocable)
        return parts.checkRevoked(revocable)
      },
      confirm(cnf, holder, credential) {
        const input = { holder, credential, credentials, request, context, resource }
        const confirmed = confirmAll(cnf, confirmations, input)
        const { header } = credential
        if (confirmed !== undefined) conditionsOf(context)?.bound({ cnf, holder, header })
        return confirmed
      },
    }
    return context
  }
}
