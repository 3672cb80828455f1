import { createAuthenticator, direct, introspected } from '@onbehalf/core'
import { describe, expect, it, vi } from 'vitest'
import { staticKeys } from '../../src/keys/key-set.ts'
import { jwksKeys } from '../../src/keys/remote-keys.ts'
import { createSigner } from '../support/signer.ts'
import { bearer, clock, now, resource } from '../support/world.ts'

const signer = await createSigner('a')
const runtimes = [
  ['Cloudflare-Workers', 2],
  ['Node.js/24', 1],
  [undefined, 1],
] as const

/** Runs `work` as a runtime that calls itself by this name. */
async function on<T>(userAgent: string | undefined, work: () => Promise<T>): Promise<T> {
  vi.stubGlobal('navigator', userAgent === undefined ? undefined : { userAgent })
  try {
    return await work()
  } finally {
    vi.unstubAllGlobals()
  }
}

describe.each(runtimes)('on the runtime %s', (userAgent, asked) => {
  it(`two calls at once fetch a key set ${asked} times`, async () => {
    const fetch = vi.fn<typeof globalThis.fetch>(async () => Response.json(signer.jwks))
    await on(userAgent, async () => {
      const keys = jwksKeys('https://issuer.example/jwks', { fetch })
      const lookup = { algorithm: signer.algorithm, keyId: 'a', issuer: 'https://issuer.example' }
      const found = await Promise.all([1, 2].map(async () => keys.find(lookup, () => undefined)))
      expect(found.map(({ length }) => length)).toEqual([1, 1])
    })
    expect(fetch).toHaveBeenCalledTimes(asked)
  })

  it(`two calls at once read a configured key set ${asked} times`, async () => {
    let loads = 0
    await on(userAgent, async () => {
      const keys = staticKeys(signer.jwks)
      const lookup = { algorithm: signer.algorithm, keyId: 'a', issuer: 'https://issuer.example' }
      const find = () => keys.find(lookup, () => void (loads += 1))
      const found = await Promise.all([find(), find()])
      expect([...found, await find()].map(({ length }) => length)).toEqual([1, 1, 1])
    })
    expect(loads).toBe(asked)
  })

  it(`two calls with one opaque token ask about it ${asked} times`, async () => {
    const claims = { active: true, sub: 'jane', aud: resource, iat: now - 9, exp: now + 300 }
    const fetch = vi.fn<typeof globalThis.fetch>(async () => Response.json(claims))
    await on(userAgent, async () => {
      const issuer = introspected({
        iss: 'https://issuer.example',
        endpoint: 'https://issuer.example/introspect',
        clientId: 'mcp',
        clientSecret: 'secret',
        audience: resource,
        kind: 'user',
        fetch,
      })
      const authenticator = createAuthenticator({ resource, clock, sources: [direct({ issuer })] })
      await Promise.all([1, 2].map(() => authenticator.authenticate(bearer('opaque'))))
      await authenticator.authenticate(bearer('opaque'))
    })
    expect(fetch).toHaveBeenCalledTimes(asked)
  })
})

it('waits on Cloudflare Workers for a refresh that other runtimes leave to itself', async () => {
  const waited = await Promise.all(
    runtimes.map(async ([userAgent]) => {
      let time = 0
      let loads = 0
      const fetch = async (): Promise<Response> => {
        await new Promise((resolve) => void setTimeout(resolve, 5))
        loads += 1
        return Response.json(signer.jwks)
      }
      const options = { fetch, monotonic: () => time, random: () => 0 }
      vi.stubGlobal('navigator', { userAgent })
      const keys = jwksKeys('https://issuer.example/jwks', options)
      vi.unstubAllGlobals()
      const lookup = { algorithm: signer.algorithm, keyId: 'a', issuer: 'https://issuer.example' }
      await keys.find(lookup, () => undefined)
      time = 450
      await keys.find(lookup, () => undefined)
      return loads
    }),
  )
  expect(waited).toEqual([2, 1, 1])
})
