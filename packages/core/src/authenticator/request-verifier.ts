import type { Context } from '../context.ts'
import {
  type Credentials,
  type Presented,
  parseCredentials,
  readPresented,
} from '../credentials/credentials.ts'
import type { CredentialHeaders, CredentialRequest } from '../credentials/header-lines.ts'
import { IdentityError } from '../errors.ts'
import type { Identity } from '../identity.ts'
import { readClock } from '../internal/options.ts'
import { type Awaitable, andThen, sharesPromises } from '../internal/promises.ts'
import { atResource } from '../resources/at-resource.ts'
import type { FoundResource } from '../resources/resources.ts'
import type { AnySource } from '../sources/source.ts'
import { collectConditions, isRepeatable } from '../verdicts/conditions.ts'
import type { Verdict, Verdicts } from '../verdicts/verdicts.ts'
import { chooseSource } from './choose-source.ts'
import { type ContextParts, type CreateContext, toContexts } from './create-context.ts'
import { SourceIndex } from './source-index.ts'
import type { SubjectTokenKeeper } from './subject-tokens.ts'

/** One request on its way to an identity, and how far it has come. */
export interface Attempt {
  readonly request: CredentialRequest
  readonly report: Context['report']
  /** Which resource it is for, of several. */
  found?: FoundResource
  credentials?: Credentials
  source?: AnySource
}

/** An attempt whose credentials were read. */
interface Reading extends Attempt {
  readonly now: number
  readonly presented: Presented
}

export interface VerifierSettings extends ContextParts {
  readonly sources: readonly AnySource[]
  readonly headers: CredentialHeaders
  readonly verdicts: Verdicts<AnySource>
  readonly clock: () => number
  readonly subjectTokens: SubjectTokenKeeper
}

/** Gives the identity of a request: a known one while its conditions hold, or verifies its credentials. */
export class RequestVerifier {
  readonly #settings: VerifierSettings
  readonly #createContext: CreateContext
  readonly #sources: SourceIndex
  readonly #kept: ReadonlySet<AnySource>
  readonly #pending = sharesPromises() ? new Map<string, Promise<unknown>>() : undefined

  constructor(settings: VerifierSettings) {
    this.#settings = settings
    this.#createContext = toContexts(settings)
    this.#sources = new SourceIndex(settings.sources)
    this.#kept = new Set(settings.sources.filter(mayKeep))
  }

  /**
   * @returns a promise only where there is something to wait for
   * @throws whatever is wrong, also by rejecting
   */
  identify(attempt: Attempt): Awaitable<Identity> {
    const { clock, headers, verdicts } = this.#settings
    const reading = attempt as Mutable<Reading>
    this.#findResource(attempt)
    reading.now = readClock(clock)
    reading.presented = readPresented(attempt.request, headers)
    return andThen(verdicts.keyOf(reading.presented), (digest) => {
      if (digest === undefined) return this.#verify(reading)
      const key = keyAt(digest, reading)
      const verdict = verdicts.find(key)
      return verdict ? this.#recall(reading, verdict, key) : this.#verifyOnce(reading, key)
    })
  }

  /** @throws IdentityError `SESS` for a path that none of several resources has */
  #findResource(attempt: Attempt): void {
    const { find } = this.#settings.resources
    if (find === undefined) return
    const found = find(attempt.request.url)
    if (found === undefined) throw new IdentityError('SESS', { reason: 'resource_unknown' })
    attempt.found = found
  }

  /** What does not hold is verified again, which says why. */
  #recall(reading: Reading, verdict: Verdict<AnySource>, key: string): Awaitable<Identity> {
    const held = this.#holds(reading, verdict)
    if (held === true) return this.#accept(reading, verdict)
    return andThen(held, (holds) =>
      holds ? this.#accept(reading, verdict) : this.#verify(reading, key),
    )
  }

  #holds(reading: Reading, { conditions }: Verdict<AnySource>): Awaitable<boolean> {
    const { now, report, request } = reading
    try {
      const held = conditions.hold({
        now,
        report,
        checkRevoked: this.#settings.checkRevoked,
        confirm: ({ cnf, holder, header }) => {
          const credentials = this.#parse(reading)
          const credential = credentials.token(header)
          if (credential === undefined) throw new TypeError('A bound token is gone')
          const context = this.#createContext(reading, request, credentials)
          return context.confirm(cnf, holder, credential)
        },
      })
      return typeof held === 'boolean' ? held : held.catch(isFalse)
    } catch {
      return false
    }
  }

  /** Of several requests with the same new credentials, the first verifies them for all. */
  #verifyOnce(reading: Reading, key: string): Awaitable<Identity> {
    const verifying = this.#pending?.get(key)
    if (verifying !== undefined) return verifying.then(() => this.#verifyAfter(reading, key))
    const verified = this.#verify(reading, key)
    // The source is known by now. One whose verdicts are not kept has to be asked by each request.
    if (this.#pending !== undefined && reading.source && this.#kept.has(reading.source)) {
      const settled = verified.then(ignore, ignore)
      this.#pending.set(
        key,
        settled.finally(() => this.#pending?.delete(key)),
      )
    }
    return verified
  }

  #verifyAfter(reading: Reading, key: string): Awaitable<Identity> {
    const verdict = this.#settings.verdicts.find(key)
    return verdict ? this.#recall(reading, verdict, key) : this.#verify(reading, key)
  }

  async #verify(reading: Reading, key?: string): Promise<Identity> {
    const { verdicts } = this.#settings
    const { presented } = reading
    const credentials = this.#parse(reading)
    reading.credentials = credentials
    const source = chooseSource(this.#sources, credentials)
    reading.source = source
    const context = this.#createContext(reading, reading.request, credentials)
    const conditions = collectConditions(context)
    const identified = (await source.identify(credentials, context)) as Identity
    if (identified?.principal === undefined) throw new TypeError('A source returned no identity')
    const identity = reading.found ? atResource(identified, reading.found) : identified
    const verdict = { identity, source, conditions }
    const isKept = this.#kept.has(source) && conditions.isKeepable
    if (key !== undefined && isKept) verdicts.keep(key, verdict, presented)
    // A gateway's own token comes with many others; and where no verdict is kept, signatures are.
    for (const { header } of presented.tokens) {
      const isShared = header === 'authorization' && presented.values.size > 1
      if (isShared || !isKept) verdicts.keepToken(credentials.token(header))
    }
    return this.#accept(reading, verdict)
  }

  #parse({ presented }: Reading): Credentials {
    const { headers, verdicts } = this.#settings
    return parseCredentials(presented, headers, (token) => verdicts.findParsed(token))
  }

  #accept(reading: Reading, { identity, source }: Verdict<AnySource>): Identity {
    const { resource } = reading.found ?? {}
    reading.report({ type: 'accepted', source: source.kind, ...(resource && { resource }) })
    const { subjectTokens } = this.#settings
    if (!subjectTokens.isKept) return identity as Identity
    const read = (): Credentials => reading.credentials ?? this.#parse(reading)
    return subjectTokens.bind(identity as Identity, source, read)
  }
}

/** What was found out for one resource of several says nothing about another. No digest has a space in it. */
function keyAt(digest: string, { found }: Attempt): string {
  return found === undefined ? digest : `${digest} ${found.resource.id}`
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Whether all that a source decides can be kept. */
function mayKeep(source: AnySource): boolean {
  return isRepeatable(source) && source.issuers.every(isRepeatable)
}

const isFalse = (): boolean => false
const ignore = (): void => {}
