import type { RequestListener } from 'node:http'
import type { KeyEvent } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { discoveredKeys, type RemoteKeysOptions } from '../../src/keys/remote-keys.ts'
import { startServer } from '../support/misbehaving-server.ts'
import { createSigner, type Signer } from '../support/signer.ts'

let signer: Signer
beforeAll(async () => {
  signer = await createSigner('a')
})

describe('discovery', () => {
  it.each([
    ['', '/.well-known/openid-configuration'],
    ['/', '/.well-known/openid-configuration'],
    ['/realms/a', '/realms/a/.well-known/openid-configuration'],
    ['/realms/a/', '/realms/a/.well-known/openid-configuration'],
  ])('finds the OpenID metadata of an issuer with the path "%s"', async (path, metadata) => {
    const idp = await startIssuer({ path })
    expect(await load(idp.issuer)).toEqual(['keys_loaded'])
    expect(idp.requests).toEqual([metadata, '/keys'])
  })

  it.each([
    ['', '/.well-known/oauth-authorization-server'],
    ['/tenant', '/.well-known/oauth-authorization-server/tenant'],
  ])('finds the RFC 8414 metadata of an issuer with the path "%s"', async (path, metadata) => {
    const idp = await startIssuer({ path, openid: 404 })
    expect(await load(idp.issuer)).toEqual(['keys_loaded'])
    expect(idp.requests.slice(1)).toEqual([metadata, '/keys'])
  })

  it.each([500, 503, 302, 401])('does not look elsewhere when the answer is %i', async (openid) => {
    const idp = await startIssuer({ openid })
    expect(await load(idp.issuer)).toEqual([`status_${openid}`])
    expect(idp.requests).toHaveLength(1)
  })

  it.each([
    ['another issuer', { issuer: 'https://elsewhere.example' }, 'metadata_issuer_mismatch'],
    ['an issuer in a list', { issuer: ['https://issuer.example'] }, 'metadata_issuer_mismatch'],
    ['no issuer', { issuer: undefined }, 'metadata_issuer_mismatch'],
    ['no jwks_uri', { jwks_uri: undefined }, 'metadata_jwks_uri'],
    ['a jwks_uri in a list', { jwks_uri: ['http://127.0.0.1/keys'] }, 'metadata_jwks_uri'],
    ['a jwks_uri without a host', { jwks_uri: '/keys' }, 'metadata_jwks_uri'],
    ['a jwks_uri without TLS', { jwks_uri: 'http://issuer.example/keys' }, 'metadata_jwks_uri'],
    ['a private jwks_uri', { jwks_uri: 'https://169.254.169.254/' }, 'metadata_jwks_uri'],
  ])('refuses metadata that names %s', async (_, changes, reason) => {
    const idp = await startIssuer({ changes })
    expect(await load(idp.issuer)).toEqual([reason])
    expect(idp.requests).not.toContain('/keys')
  })

  it('refuses metadata that is not an object', async () => {
    const { origin } = await startServer((_req, res) => void res.end('[]'))
    expect(await load(origin)).toEqual(['metadata_malformed'])
  })

  it('does not let a public issuer point at this machine', async () => {
    const issuer = 'https://issuer.example'
    const { origin } = await startServer((_req, res) => {
      res.end(JSON.stringify({ issuer, jwks_uri: `${origin}/keys` }))
    })
    const translated: typeof fetch = (url, init) =>
      fetch((url as URL).href.replace(issuer, origin), init)
    expect(await load(issuer, { fetch: translated })).toEqual(['metadata_jwks_uri'])
  })

  it('keeps the address of the keys until the metadata is as old as keys may be', async () => {
    const idp = await startIssuer()
    const source = startSource(idp.issuer)
    for (const seconds of [0, 420, 420, 420]) await source.ready(seconds)
    expect(idp.requests).toEqual([metadataPath, '/keys', '/keys', metadataPath, '/keys', '/keys'])
  })

  it('asks the metadata again as soon as the keys could not be fetched', async () => {
    const idp = await startIssuer()
    const source = startSource(idp.issuer)
    await source.ready(0)
    idp.keysStatus = 410
    await source.ready(420)
    idp.keysStatus = 200
    await source.ready(1)
    expect(source.told).toEqual(['keys_loaded', 'status_410', 'keys_loaded'])
    expect(idp.requests.slice(2)).toEqual(['/keys', metadataPath, '/keys'])
  })

  it('and keys share one time limit', async () => {
    const slow: RequestListener = (req, res) => {
      const body =
        req.url === '/keys' ? signer.jwks : { issuer: origin, jwks_uri: `${origin}/keys` }
      setTimeout(() => res.end(JSON.stringify(body)), 200)
    }
    const { origin } = await startServer(slow)
    expect(await load(origin, { timeoutSeconds: 0.3 })).toEqual(['timeout'])
    expect(await load(origin, { timeoutSeconds: 5 })).toEqual(['keys_loaded'])
  })

  it.each(['issuer.example', 'http://issuer.example', 'https://10.0.0.1', 'urn:issuer'])(
    'refuses to be built for %s',
    (issuer) => {
      expect(() => discoveredKeys(issuer)).toThrow(TypeError)
    },
  )
})

const metadataPath = '/.well-known/openid-configuration'

interface IssuerSetup {
  readonly path?: string
  /** Status of the OpenID metadata. */
  readonly openid?: number
  /** Members over the sound ones. */
  readonly changes?: object
}

interface TestIssuer {
  readonly issuer: string
  readonly requests: readonly (string | undefined)[]
  keysStatus: number
}

async function startIssuer(setup: IssuerSetup = {}): Promise<TestIssuer> {
  const { path = '', openid = 200, changes } = setup
  const requests: (string | undefined)[] = []
  const { origin } = await startServer((req, res) => {
    requests.push(req.url)
    const isKeys = req.url === '/keys'
    if (isKeys) res.statusCode = idp.keysStatus
    if (req.url?.endsWith(metadataPath)) res.statusCode = openid
    const metadata = { issuer: idp.issuer, jwks_uri: `${origin}/keys`, ...changes }
    res.end(JSON.stringify(isKeys ? signer.jwks : metadata))
  })
  const idp: TestIssuer = { issuer: origin + path, requests, keysStatus: 200 }
  return idp
}

/** Loads once and names what happened. */
async function load(issuer: string, options?: RemoteKeysOptions): Promise<readonly string[]> {
  const source = startSource(issuer, options)
  await source.ready(0)
  return source.told
}

interface TestSource {
  /** What happened: `keys_loaded`, or the reason of a failure. */
  readonly told: readonly string[]
  /** Asks after so many seconds, and waits for the refresh that this starts. */
  ready(afterSeconds: number): Promise<void>
}

function startSource(issuer: string, options: RemoteKeysOptions = {}): TestSource {
  const told: string[] = []
  let now = 0
  const report = (event: KeyEvent): void => {
    if (event.type !== 'key_unknown') told.push('reason' in event ? event.reason : event.type)
  }
  const keys = discoveredKeys(issuer, { monotonic: () => now, random: () => 0, ...options })
  return {
    told,
    async ready(afterSeconds) {
      const before = told.length
      now += afterSeconds
      // Whether it threw shows in what was reported.
      await keys.ready(report).catch(() => undefined)
      while (told.length === before) await new Promise((resolve) => setTimeout(resolve, 2))
    },
  }
}
