import { generateKeyPairSync } from 'node:crypto'
import { type AwsAlbOptions, awsAlb } from '@onbehalf/aws'
import { describe, expect, it } from 'vitest'
import { authenticatorOf, issuer, type Json, now, read, signer, start } from './balancer.ts'

describe('awsAlb', () => {
  it('takes the user that the load balancer signed in, padding and all', async () => {
    const { options, assert, fetches, keyId } = await start()
    const authenticator = authenticatorOf(options)
    const assertion = assert({ email: 'ada@acme.example' })
    expect(assertion).toContain('=')
    expect(await read(authenticator, assertion)).toMatchObject({
      kind: 'user',
      issuer,
      subject: 'ada',
      organization: { id: 'acme', roles: ['member'] },
      roles: ['member'],
      client: 'alb-client',
      source: 'signedHeader',
      expiresAt: now + 120,
      claims: expect.not.objectContaining({ email: 'ada@acme.example' }) as unknown,
    })
    await read(authenticator, assertion)
    expect(fetches).toEqual([`/${keyId}`])
  })

  it.each<[string, string, Json, Json]>([
    ['another load balancer', 'signer', {}, { signer: `${signer}9` }],
    ['no load balancer', 'signer', {}, { signer: undefined }],
    ['another client', 'client', {}, { client: 'another' }],
    ['another issuer', 'issuer', {}, { iss: 'https://other.example.com' }],
    ['another issuer among the claims', 'issuer', { iss: 'https://other.example.com' }, {}],
    ['another algorithm', 'algorithm', {}, { alg: 'RS256' }],
    ['no algorithm', 'malformed_algorithm', {}, { alg: 'none' }],
    ['a symmetric algorithm', 'malformed_algorithm', {}, { alg: 'HS256' }],
    ['an expiry that is over', 'expired', {}, { exp: now - 31 }],
    ['an expiry among the claims that is over', 'expired', { exp: now - 31 }, {}],
    ['an expiry that is far away', 'lifetime', { exp: now * 2 }, { exp: now * 2 }],
    ['no expiry', 'exp_missing', { exp: undefined }, { exp: undefined }],
    ['an expiry that is not a number', 'exp_missing', {}, { exp: '9' }],
    ['a key id that leads elsewhere', 'malformed_key_id', {}, { kid: '../evil' }],
    ['an address as key id', 'malformed_key_id', {}, { kid: 'http://127.0.0.1/' }],
    ['no key id', 'malformed_key_id', {}, { kid: undefined }],
  ])('refuses %s, and fetches nothing for it', async (_name, reason, claims, header) => {
    const { options, assert, fetches } = await start()
    const refused = read(authenticatorOf(options), assert(claims, header))
    await expect(refused).rejects.toMatchObject({ code: 'TOK', reason })
    expect(fetches).toEqual([])
  })

  it.each<[string, Json, Json, object]>([
    ['load balancer', {}, { signer: `${signer}x` }, { expected: [signer] }],
    ['client', {}, { client: 'another' }, { expected: ['alb-client'] }],
    ['issuer', {}, { iss: 'https://x.example' }, { claim: 'iss', expected: [issuer] }],
    ['expiry', {}, { exp: now - 31 }, { claim: 'exp' }],
    ['user', { sub: '' }, {}, { claim: 'sub' }],
    ['form', {}, { alg: 'none' }, {}],
  ])('says what was expected of the %s, and never what came', async (_, claims, header, detail) => {
    const { options, assert } = await start()
    const refused = read(authenticatorOf(options), assert(claims, header))
    await expect(refused).rejects.toMatchObject({
      failure: {
        role: 'user',
        source: 'signedHeader',
        header: 'x-amzn-oidc-data',
        issuer,
        ...detail,
      },
    })
  })

  it('refuses a signature of another key, and an altered assertion', async () => {
    const { options, assert } = await start()
    const authenticator = authenticatorOf(options)
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const [head, , signature] = assert().split('.')
    const [, body] = assert({ org_id: 'globex' }).split('.')
    for (const assertion of [assert({}, {}, other), `${head}.${body}.${signature}`]) {
      await expect(read(authenticator, assertion)).rejects.toMatchObject({ reason: 'signature' })
    }
  })

  it('refuses a user without a name', async () => {
    const { options, assert } = await start()
    for (const sub of ['', undefined, 7]) {
      const refused = read(authenticatorOf(options), assert({ sub }))
      await expect(refused).rejects.toMatchObject({ code: 'TOK', reason: 'subject' })
    }
  })

  it.each<[string, string, (good: string) => string]>([
    ['nothing', 'opaque_token', () => ''],
    ['one part', 'malformed_assertion', () => 'x'],
    ['parts without padding', 'malformed_assertion', (good) => good.replaceAll('=', '')],
    ['too much padding', 'malformed_assertion', (good) => good.replace('.', '=.')],
    ['padding only', 'malformed_base64url', (good) => good.replace(/^[^.]*/, '====')],
    ['a fourth part', 'malformed_segments', (good) => `${good}.`],
    ['characters after the signature', 'malformed_assertion', (good) => `${good}=`],
    [
      'the alphabet of plain base64',
      'malformed_base64url',
      (good) => good.replace(/^..../, '+/+/'),
    ],
    ['a short signature', 'malformed_assertion', (good) => good.replace(/[^.]*$/, 'AAAA')],
    ['more than 16384 characters', 'malformed_size', () => 'A'.repeat(17_000)],
  ])('refuses %s in place of an assertion', async (_name, reason, change) => {
    const { options, assert, fetches } = await start()
    const refused = read(authenticatorOf(options), change(assert()))
    await expect(refused).rejects.toMatchObject({ code: 'TOK', reason })
    expect(fetches).toEqual([])
  })

  it.each<[string, string]>([
    ['a member twice', '{"sub":"ada","sub":"eve"}'],
    ['a member twice, once in other letters', '{"sub":"ada","\\u0073ub":"eve"}'],
    ['a byte order mark', '\ufeff{"sub":"ada"}'],
    ['5000 levels', `{"sub":"ada","x":${'['.repeat(5000)}${']'.repeat(5000)}}`],
    ['a list', '["ada"]'],
    ['null', 'null'],
    ['text after the object', '{"sub":"ada"}{}'],
  ])('refuses claims with %s, although they are signed', async (_name, text) => {
    const { options, assert } = await start()
    const refused = read(authenticatorOf(options), assert(text))
    await expect(refused).rejects.toMatchObject({ code: 'TOK', reason: 'malformed_payload' })
  })

  it('refuses a header that asks for what is not understood', async () => {
    const { options, assert } = await start()
    const refused = read(authenticatorOf(options), assert({}, { crit: ['x'], x: 1 }))
    await expect(refused).rejects.toMatchObject({ code: 'TOK', reason: 'malformed_header_member' })
  })

  it('gives handlers claims that cannot reach a prototype', async () => {
    const { options, assert } = await start()
    const text = '{"sub":"ada","__proto__":{"admin":true},"a":{"__proto__":{"admin":true}}}'
    const { claims } = await read(authenticatorOf(options), assert(text))
    const copies = [Object.assign({}, claims), Object.assign({}, claims['a'])]
    expect(copies.map((copy) => Object.getPrototypeOf(copy) as unknown)).toEqual([
      Object.prototype,
      Object.prototype,
    ])
    expect(Object.isFrozen(claims['a'])).toBe(true)
  })

  it('refuses the header twice', async () => {
    const { options, assert } = await start()
    const rawHeaders = ['x-amzn-oidc-data', assert(), 'X-Amzn-Oidc-Data', assert()]
    const refused = authenticatorOf(options).authenticate({ headers: {}, rawHeaders })
    await expect(refused).rejects.toMatchObject({ code: 'REQ', reason: 'duplicate_header' })
  })

  it.each<[string, Partial<AwsAlbOptions>]>([
    [
      'region must be the name of an AWS region, for example eu-west-1',
      { region: 'evil.example.com/' },
    ],
    ['"client" is not an option of awsAlb; did you mean "clients"?', { client: [] } as object],
    ['clients must not be undefined', { clients: undefined as never }],
    ['signers must list at least one ARN of a load balancer', { signers: [] }],
    ['clients must list at least one client id', { clients: [''] }],
    ['iss is required: an exact issuer', { iss: '' }],
    ['keysUrl must use https (http is for loopback only)', { keysUrl: 'http://keys.example.com/' }],
    ['keysUrl must have a slash at its end', { keysUrl: 'https://keys.example.com/x' }],
    ['keysUrl must not name a private address', { keysUrl: 'https://169.254.169.254/' }],
    ['clockSkewSeconds must be from 0 to 60', { clockSkewSeconds: 61 }],
    ['timeoutSeconds must be above 0 and at most 30', { timeoutSeconds: 0 }],
    ['vouchesForEmail must be true or false', { vouchesForEmail: 'yes' as never }],
    ['sessionTimeoutSeconds must be a positive number', { sessionTimeoutSeconds: Number.NaN }],
    ['roles must be the name of a claim, a path to it, or a function', { roles: [] }],
    ['organization must be the name of a claim, a path to it, or a function', { organization: '' }],
  ])('says what is wrong: %s', async (message, wrong) => {
    const { options } = await start()
    expect(() => awsAlb({ ...options, ...wrong })).toThrow(new TypeError(message))
  })

  it.each([
    ['eu-west-1', 'https://public-keys.auth.elb.eu-west-1.amazonaws.com/'],
    ['mx-central-1', 'https://public-keys.auth.elb.mx-central-1.amazonaws.com/'],
    [
      'us-gov-west-1',
      'https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/',
    ],
    [
      'us-gov-east-1',
      'https://s3-us-gov-east-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-east-1/',
    ],
  ])('fetches the keys of %s from its own address', async (region, address) => {
    const {
      options: { keysUrl: _keysUrl, ...options },
      assert,
      keyId,
    } = await start()
    const urls: string[] = []
    const fetchNothing: typeof fetch = (input) => {
      urls.push(new Request(input).url)
      return Promise.resolve(new Response('', { status: 404 }))
    }
    const authenticator = authenticatorOf({ ...options, region, fetch: fetchNothing })
    await read(authenticator, assert()).catch(() => undefined)
    expect(urls).toEqual([`${address}${keyId}`])
  })

  it.each(['cn-north-1', 'us-iso-east-1', 'us-isob-east-1', 'eusc-de-east-1'])(
    'asks for the address of keys in %s, which is another partition',
    async (region) => {
      const {
        options: { keysUrl, ...options },
      } = await start()
      expect(() => awsAlb({ ...options, region })).toThrow(
        `keysUrl is required in ${region}: the address of its load balancers' keys`,
      )
      expect(() => awsAlb({ ...options, region, keysUrl: keysUrl ?? '' })).not.toThrow()
    },
  )
})
