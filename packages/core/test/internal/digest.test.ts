import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSigner } from '../support/signer.ts'

const text = 'ada: \u00e4\u{1f980}'
const expected = createHash('sha256').update(text).digest('base64url')

afterEach(() => {
  vi.restoreAllMocks()
  vi.resetModules()
})

/** The library as a runtime with these built-in modules loads it. */
async function loadWith(getBuiltinModule: () => unknown) {
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(getBuiltinModule as never)
  vi.resetModules()
  const [digest, core] = await Promise.all([
    import('../../src/internal/digest.ts'),
    import('../../src/index.ts'),
  ])
  return { ...digest, ...core }
}

const runtimes = [
  ['without a crypto module', () => undefined],
  ['with its own crypto module', () => ({ createHash })],
] as const

describe('a runtime', () => {
  it.each(runtimes)('%s makes the same digests', async (_, modules) => {
    const { textDigest, textDigestNow } = await loadWith(modules)
    expect([textDigestNow(text), await textDigest(text)]).toEqual([undefined, expected])
  })

  it.each(runtimes)('%s accepts a token twice', async (_, modules) => {
    const { createAuthenticator, direct, issuer } = await loadWith(modules)
    const signer = await createSigner()
    const [name, audience] = ['https://people.example', 'https://mcp.example/mcp']
    const people = issuer({
      iss: name,
      audience,
      kind: 'by-client',
      algorithms: [signer.algorithm],
      keys: { jwks: signer.jwks },
    })
    const authenticator = createAuthenticator({
      resource: audience,
      sources: [direct({ issuer: people })],
    })
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss: name, aud: audience, sub: 'ada', client_id: 'c', iat }
    const token = await signer.sign({ ...claims, exp: iat + 60 })
    const request = { headers: { authorization: `Bearer ${token}` } }
    const hash = createHash('sha256').update(token).digest('base64url')
    for (const _turn of [1, 2]) {
      const { subject, tokenHash } = await authenticator.authenticate(request)
      expect([subject, tokenHash]).toEqual(['ada', hash])
    }
  })
})

it('Node makes them at once', async () => {
  const { textDigest, textDigestNow } = await import('../../src/internal/digest.ts')
  expect([textDigestNow(text), await textDigest(text)]).toEqual([expected, expected])
})
