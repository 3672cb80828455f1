import { IdentityError } from '../errors.ts'
import type { Claims } from '../identity.ts'
import { isEmpty } from '../internal/values.ts'
import { readWith } from './claims.ts'

/**
 * How tokens of users and of services differ: all are of one kind, or
 *
 * - `'by-client'`: every token names its client, and in a service's the subject is that client
 *   (RFC 9068 section 2.2). A token without a client is refused.
 * - a function that answers `'user'` or `'service'`; anything else refuses the token.
 *
 * Whatever it says, a subject that equals the client is a service, and so are workloads and CI jobs.
 */
export type KindRule = 'by-client' | 'user' | 'service' | ((claims: Claims) => unknown)

/** A {@link KindRule} as it is asked: with the client that the token names. */
export type ReadKind = (claims: Claims, client: string | undefined) => unknown

const needed =
  'kind is required: it says how tokens of users and of services differ. ' +
  "Use 'by-client' if every token names its client and a service's sub is that client, " +
  "'user' or 'service' if all are, or a function, " +
  "for example (claims) => (claims['is_machine'] === true ? 'service' : 'user')"

/**
 * Reads the option `kind`. There is no default: a service that passes for a user may do what only
 * users may.
 *
 * @throws TypeError
 */
export function toReadKind(rule: KindRule): ReadKind {
  if (rule === 'user' || rule === 'service') return () => rule
  if (rule === 'by-client') return (_claims, client) => client && 'user'
  if (typeof rule === 'function') return (claims) => readWith(rule, claims)
  throw new TypeError(needed)
}

/**
 * Decides between user and service. Wherever the subject is read from: a token whose `sub` is its
 * client is the client's own.
 *
 * @throws IdentityError `TOK` when the claims do not say it
 */
export function toKind(
  claims: Claims,
  subjects: readonly unknown[],
  client: string | undefined,
  readKind: ReadKind,
): 'user' | 'service' {
  const kind = readKind(claims, client)
  if (client !== undefined && subjects.includes(client)) return 'service'
  if (subjects.some(isWorkload) || isOfWorkflow(claims)) return 'service'
  if (kind === 'user' || kind === 'service') return kind
  throw new IdentityError('TOK', { reason: 'kind_unknown' })
}

const workloads: readonly RegExp[] = [
  // https://spiffe.io/docs/latest/spiffe-specs/spiffe-id/
  /^spiffe:\/\//i,
  // https://docs.github.com/en/actions/reference/security/oidc
  /^repo:[^\s/:]+\/[^\s/:]+:/i,
  // https://docs.gitlab.com/ci/secrets/id_token_authentication/
  /^project_path:/i,
  // https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
  /^system:serviceaccount:/i,
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
  /^arn:aws[a-z-]*:(?:iam|sts)::/i,
]

/** Whether a subject has a form that only workloads and CI jobs have, whatever else a token says. */
export function isWorkload(subject: unknown): boolean {
  return typeof subject === 'string' && workloads.some((shape) => shape.test(subject))
}

/** Whether a job of GitHub Actions has the token: a repository may choose the form of its subject. */
function isOfWorkflow(claims: Claims): boolean {
  return !isEmpty(claims['repository_id']) && !isEmpty(claims['run_id'])
}
