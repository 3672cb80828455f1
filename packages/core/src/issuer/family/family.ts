import type { Context } from '../../context.ts'
import type { Credential } from '../../credentials/credentials.ts'
import { IdentityError, withFailure } from '../../errors.ts'
import { type Awaitable, andThen } from '../../internal/promises.ts'
import type { KeySource } from '../../keys/key-source.ts'
import { asRepeatable, conditionsOf } from '../../verdicts/conditions.ts'
import { VerdictCache } from '../../verdicts/verdict-cache.ts'
import type { Issuer, IssuerFamily, SigningIssuer } from '../issuer.ts'
import type { VerifiedToken } from '../verified-token.ts'
import { type Find, type Listed, Listing } from './listing.ts'

/** How long answers of a list count, and how many of its issuers are held at a time. */
export interface FamilyLimits {
  /**
   * Seconds for which an answer of the list counts, 1 to 3600: a tenant that is removed is refused after
   * them, and so is every token of it that was accepted before. Default 60.
   */
  readonly listSeconds?: number
  /** How many issuers are held with their keys at a time, 10 to 100000. Default 1000. */
  readonly maxIssuers?: number
}

/** What a family is made of. */
export interface FamilyParts<Row, C> extends FamilyLimits {
  /** The one of its members that a name belongs to, by the shape of the name alone. */
  readonly memberOf: (iss: string) => string | undefined
  /** What the list has about a member; undefined for one that is not on it. */
  readonly find: Find<Row>
  /** Builds a member that is on the list. */
  readonly create: (member: string, row: Row) => SigningIssuer<C>
  /** A member that does not exist: what all have in common. */
  readonly sample: SigningIssuer<C>
  /** The first name of a member, where its key alone says it. */
  readonly firstNameOf?: (member: string) => string
  /** Keys that all members have in common, and the name to report them by. */
  readonly shared?: { readonly keys: KeySource; readonly name: string }
  /** Where clients get tokens. */
  readonly authorizationServers: readonly string[]
  readonly monotonic: () => number
}

interface Member<C> {
  readonly issuer: SigningIssuer<C>
  /** What it was built of. */
  readonly row: string
}

// Longer names are not looked up: nothing that is kept for one is larger.
const maxNameLength = 512

/** Builds one issuer of all issuers that are on a list. */
export function createFamily<Row, C>(parts: FamilyParts<Row, C>): Issuer<C> {
  const family = new Family(parts)
  const { sample, authorizationServers } = parts
  const { audiences, clients, scopes, maxLifetimeSeconds, maxTokenBytes } = sample
  return asRepeatable(
    Object.freeze<Issuer<C>>({
      issuers: [],
      audiences,
      clients,
      scopes,
      maxLifetimeSeconds,
      authorizationServers,
      ...(maxTokenBytes !== undefined && { maxTokenBytes }),
      insecureHttpHosts: sample.insecureHttpHosts ?? [],
      ignoresKeyHeaders: sample.ignoresKeyHeaders ?? false,
      opaque: false,
      family,
      recognizes: ({ token }) => family.memberNamed(token?.claims['iss']) !== undefined,
      verify: (credential, context) => family.verify(credential, context),
      ready: (report) => family.ready(report),
    }),
  )
}

class Family<Row, C> implements IssuerFamily {
  readonly #parts: FamilyParts<Row, C>
  readonly #listing: Listing<Row>
  readonly #members: VerdictCache<Member<C>>

  constructor(parts: FamilyParts<Row, C>) {
    const { find, monotonic } = parts
    const seconds = within(parts.listSeconds ?? 60, [1, 3600], 'listSeconds')
    const entries = within(parts.maxIssuers ?? 1000, [10, 100_000], 'maxIssuers')
    this.#parts = parts
    this.#listing = new Listing({ find, monotonic, seconds })
    this.#members = new VerdictCache({ entries, bytes: 1e9 })
  }

  memberNamed(iss: unknown): string | undefined {
    if (typeof iss !== 'string' || iss === '' || iss.length > maxNameLength) return undefined
    return this.#parts.memberOf(iss)
  }

  find(iss: string): Awaitable<SigningIssuer<C> | undefined> {
    return this.#issuerOf(iss)
  }

  nameOf(iss: string): string | undefined {
    const key = this.memberNamed(iss)
    if (key === undefined) return undefined
    const { firstNameOf } = this.#parts
    if (firstNameOf !== undefined) return firstNameOf(key)
    const member = this.#members.get(key)
    return member?.issuer.issuers.includes(iss) ? member.issuer.issuers[0] : undefined
  }

  async verify(credential: Credential, context: Context): Promise<VerifiedToken<C>> {
    const iss = credential.token?.claims['iss']
    const report: Context['report'] = (event) => context.report(event)
    // Nothing is fetched, and nothing else of the token is looked at, before its issuer is on the list.
    const issuer = typeof iss === 'string' ? await this.#issuerOf(iss, report) : undefined
    if (issuer === undefined) throw new IdentityError('TOK', { reason: 'issuer_unlisted' })
    conditionsOf(context)?.listed(() =>
      andThen(this.#issuerOf(iss as string, report), (current) => current === issuer),
    )
    try {
      return await issuer.verify(credential, context)
    } catch (thrown) {
      const [name] = issuer.issuers
      throw withFailure(thrown, name === undefined ? {} : { issuer: name })
    }
  }

  async ready(report: Context['report']): Promise<void> {
    const { shared } = this.#parts
    if (shared !== undefined) {
      return shared.keys.ready((event) => report({ ...event, issuer: shared.name }))
    }
    // Loads keys again that are held already. Others are loaded by the first call that needs them.
    await Promise.all([...this.#members.values()].map(({ issuer }) => issuer.ready(report)))
  }

  #issuerOf(iss: string, report?: Context['report']): Awaitable<SigningIssuer<C> | undefined> {
    const key = this.memberNamed(iss)
    if (key === undefined) return undefined
    return andThen(this.#listing.find(key), (listed) => {
      const held = this.#members.get(key)
      if (listed === undefined) {
        if (held !== undefined) this.#remove(key, held, report)
        return undefined
      }
      const issuer = this.#hold(key, listed, held, report)
      return issuer.issuers.includes(iss) ? issuer : undefined
    })
  }

  /** The same object as long as the list says the same: its keys need not be loaded again. */
  #hold(
    key: string,
    { row, text }: Listed<Row>,
    held: Member<C> | undefined,
    report: Context['report'] | undefined,
  ): SigningIssuer<C> {
    if (held?.row === text) return held.issuer
    const issuer = this.#parts.create(key, row)
    this.#members.set(key, { issuer, row: text }, 1)
    report?.({ type: 'issuer_added', issuer: issuer.issuers[0] ?? '' })
    return issuer
  }

  #remove(key: string, { issuer }: Member<C>, report: Context['report'] | undefined): void {
    this.#members.delete(key)
    report?.({ type: 'issuer_removed', issuer: issuer.issuers[0] ?? '' })
  }
}

function within(value: number, [least, most]: readonly [number, number], option: string): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new TypeError(`${option} must be a whole number from ${least} to ${most}`)
}
