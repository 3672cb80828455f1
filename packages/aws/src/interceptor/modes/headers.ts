import type { Identity } from '@onbehalf/core'
import { assertOptions } from '@onbehalf/core/internal'
import { InterceptorRefusal } from '../refusal.ts'
import type { TargetMode } from './target-mode.ts'
import { fit, toMaxBytes, writtenHeader } from './written-header.ts'

/** Reads from an identity what a header is to say; a list is joined by commas. */
export type HeaderReader = (user: Identity) => string | readonly string[] | undefined

/** How a server recognizes that this interceptor wrote the headers. */
export interface InterceptorProof {
  /** Header of the secret: what the server's `sharedSecret` reads. The target has to allow-list it, too. */
  readonly header: string
  /**
   * At least 32 visible ASCII characters that only the interceptor and the server know; or a function that
   * returns them. It is called for every call: keep what it fetched.
   */
  readonly secret: string | (() => string | Promise<string>)
}

/** Options of {@link headers}. */
export interface HeadersOptions {
  /**
   * Written beside the headers. The gateway's own credential does not replace it: a call that reaches the
   * target without this interceptor has that credential as well, and headers that the client typed.
   */
  readonly proof: InterceptorProof
  /** Longest value, in bytes. Default 4096. */
  readonly maxValueBytes?: number
}

const secretShape = /^[\x21-\x7e]{32,}$/

/**
 * Writes facts about the caller into headers, each on every call: if the identity has no such fact,
 * the header is empty. The target has to allow-list them all and the one of the proof; the server reads
 * them with `plainHeaders` and `sharedSecret`.
 *
 * A value that would change on its way is refused: blanks at its edges, a comma in it, or anything but
 * visible ASCII and spaces.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function headers(
  readers: Readonly<Record<string, HeaderReader>>,
  options: HeadersOptions,
): TargetMode {
  assertOptions('headers', options, { proof: true, maxValueBytes: true })
  const maxBytes = toMaxBytes(options.maxValueBytes)
  const proof = toProof(options.proof)
  const entries = Object.entries(readers).map(([name, read]) => {
    if (typeof read !== 'function') throw new TypeError(`headers: "${name}" needs a function`)
    return [writtenHeader(name, 'headers'), read] as const
  })
  if (entries.length === 0) throw new TypeError('headers must name at least one')
  const writes = [...entries.map(([name]) => name), proof.header]
  if (new Set(writes).size < writes.length) throw new TypeError('headers must be different ones')
  return Object.freeze<TargetMode>({
    writes,
    write: async ({ user }) => ({
      ...Object.fromEntries(
        entries.map(([name, read]) => [name, fit(toText(read(user), name), maxBytes, name)]),
      ),
      [proof.header]: await readSecret(proof),
    }),
  })
}

function toProof(proof: InterceptorProof | undefined): InterceptorProof {
  if (proof === undefined) {
    throw new TypeError('proof is required: a header and a secret that the server knows')
  }
  assertOptions('proof', proof, { header: true, secret: true })
  const { secret } = proof
  const header = writtenHeader(proof.header, 'proof.header')
  if (typeof secret !== 'function' && !isSecret(secret)) {
    throw new TypeError('proof.secret must have at least 32 characters, all visible ASCII')
  }
  return { header, secret }
}

function isSecret(secret: unknown): secret is string {
  return typeof secret === 'string' && secretShape.test(secret)
}

async function readSecret({ secret }: InterceptorProof): Promise<string> {
  try {
    const value: unknown = typeof secret === 'function' ? await secret() : secret
    if (isSecret(value)) return value
  } catch {
    // What the function threw may quote the secret.
  }
  throw new InterceptorRefusal('proof_unavailable')
}

function toText(value: unknown, header: string): string {
  if (value === undefined) return ''
  // An async reader is refused; its rejection must not end the process.
  if (value instanceof Promise) value.catch(() => {})
  const names: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (!names.every((name) => typeof name === 'string')) {
    throw new InterceptorRefusal('value_unfit', header)
  }
  // A server would read two names where there is one.
  const separator = Array.isArray(value) ? /[\s,]|^$/ : /,/
  if (names.some((name) => separator.test(name)))
    throw new InterceptorRefusal('value_unfit', header)
  return names.join(',')
}
