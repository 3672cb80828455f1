import type { ClaimReader } from '@onbehalf/core'
import { assertOptions, isText, type OptionNames, safeUrl } from '@onbehalf/core/internal'

/** Options of `awsAlb`. */
export interface AwsAlbOptions {
  /** Region of the load balancer, for example `eu-west-1`. */
  readonly region: string
  /** ARNs of your load balancers: every load balancer of the region has its keys at the same address. */
  readonly signers: readonly string[]
  /** Client ids that the listener rules sign users in with. */
  readonly clients: readonly string[]
  /** Exact `iss` of the identity provider that the listener rules name. */
  readonly iss: string
  /** Where the organization is, as in `claimMap` of an issuer. Default: nowhere. */
  readonly organization?: ClaimReader
  /** Where the roles are. One string is one role. Default: nowhere. */
  readonly roles?: ClaimReader
  /**
   * Whether the identity provider verifies every e-mail address, although it does not say so in
   * `email_verified`. Default `false`: an address that is not said to be verified is removed.
   */
  readonly vouchesForEmail?: boolean
  /** Tolerated difference between clocks, 0 to 60 seconds. Default 30. */
  readonly clockSkewSeconds?: number
  /**
   * Longest session of the listener rules (`SessionTimeout`), in seconds. An assertion does not say when
   * its user signed in: a revoked subject is refused for this long. Default 604800, as at AWS.
   */
  readonly sessionTimeoutSeconds?: number
  /**
   * Address that a key's id is added to, with a slash at its end. Default: that of the region; required
   * in partitions other than `aws` and `aws-us-gov`.
   */
  readonly keysUrl?: string
  /** Seconds for one key, above 0 and at most 30. Default 4. */
  readonly timeoutSeconds?: number
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch
}

/** The options after defaults were applied. */
export interface AlbSettings {
  readonly signers: readonly string[]
  readonly clients: readonly string[]
  readonly iss: string
  readonly organization: ClaimReader | undefined
  readonly roles: ClaimReader | undefined
  readonly vouchesForEmail: boolean
  readonly clockSkewSeconds: number
  readonly sessionTimeoutSeconds: number
  readonly base: URL
  readonly timeoutSeconds: number
  readonly fetch: typeof fetch
}

const known: OptionNames<AwsAlbOptions> = {
  region: true,
  signers: true,
  clients: true,
  iss: true,
  organization: true,
  roles: true,
  vouchesForEmail: true,
  clockSkewSeconds: true,
  sessionTimeoutSeconds: true,
  keysUrl: true,
  timeoutSeconds: true,
  fetch: true,
}

/** @throws TypeError naming the option that is missing or wrong */
export function toAlbSettings(options: AwsAlbOptions): AlbSettings {
  assertOptions('awsAlb', options, known)
  const { clockSkewSeconds = 30, timeoutSeconds = 4, sessionTimeoutSeconds = 604_800 } = options
  const { vouchesForEmail = false } = options
  if (!isText(options.iss)) throw new TypeError('iss is required: an exact issuer')
  if (typeof vouchesForEmail !== 'boolean') {
    throw new TypeError('vouchesForEmail must be true or false')
  }
  if (!(clockSkewSeconds >= 0 && clockSkewSeconds <= 60)) {
    throw new TypeError('clockSkewSeconds must be from 0 to 60')
  }
  if (!(timeoutSeconds > 0 && timeoutSeconds <= 30)) {
    throw new TypeError('timeoutSeconds must be above 0 and at most 30')
  }
  if (!(Number.isFinite(sessionTimeoutSeconds) && sessionTimeoutSeconds > 0)) {
    throw new TypeError('sessionTimeoutSeconds must be a positive number')
  }
  return {
    signers: toNames(options.signers, 'signers must list at least one ARN of a load balancer'),
    clients: toNames(options.clients, 'clients must list at least one client id'),
    iss: options.iss,
    organization: toReader(options.organization, 'organization'),
    roles: toReader(options.roles, 'roles'),
    vouchesForEmail,
    clockSkewSeconds,
    sessionTimeoutSeconds,
    base: toKeysUrl(options),
    timeoutSeconds,
    fetch: options.fetch ?? fetch,
  }
}

function toNames(names: readonly string[], message: string): readonly string[] {
  const valid = Array.isArray(names) && names.length > 0 && names.every(isText)
  if (!valid) throw new TypeError(message)
  return Object.freeze([...names])
}

function toReader(reader: ClaimReader | undefined, option: string): ClaimReader | undefined {
  const path = typeof reader === 'function' ? [option] : [reader ?? option].flat()
  if (path.length > 0 && path.every(isText)) return reader
  throw new TypeError(`${option} must be the name of a claim, a path to it, or a function`)
}

function toKeysUrl({ region, keysUrl }: AwsAlbOptions): URL {
  if (typeof region !== 'string' || !/^[a-z]{2,}(?:-[a-z]+)+-\d+$/.test(region)) {
    throw new TypeError('region must be the name of an AWS region, for example eu-west-1')
  }
  const url = safeUrl(keysUrl ?? keysUrlOf(region), 'keysUrl')
  if (!url.pathname.endsWith('/')) throw new TypeError('keysUrl must have a slash at its end')
  return url
}

function keysUrlOf(region: string): string {
  if (region.startsWith('us-gov-')) {
    return `https://s3-${region}.amazonaws.com/aws-elb-public-keys-prod-${region}/`
  }
  // Partitions that have another domain.
  if (/^(?:cn|us-iso[a-z]*|eu-isoe|eusc)-/.test(region)) {
    throw new TypeError(`keysUrl is required in ${region}: the address of its load balancers' keys`)
  }
  return `https://public-keys.auth.elb.${region}.amazonaws.com/`
}
