import { readFileSync } from 'node:fs'
import {
  type Algorithm,
  type Claims,
  createAuthenticator,
  direct,
  type Identity,
  type Issuer,
  type Source,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { createSigner, type Signer } from '../support/signer.ts'
import { clock, resource } from '../support/world.ts'
import type { Given, Row } from './documented/row.ts'
import { rows, withTable } from './documented/table.ts'

const signers = new Map<Algorithm, Signer>()
beforeAll(async () => {
  for (const algorithm of ['RS256', 'ES256', 'ES384'] as const) {
    signers.set(algorithm, await createSigner('vendor-key', algorithm))
  }
})

function signerOf({ algorithm = 'RS256' }: Row): Signer {
  return signers.get(algorithm) as Signer
}

/** A preset for a proxy is a source already. */
function sourceOf(row: Row, given: Given): Source {
  const made = row.make(given)
  return 'identify' in made ? made : direct({ issuer: made })
}

function issuerOf(row: Row, given: Given): Issuer<unknown> {
  return sourceOf(row, given).issuers[0] as Issuer<unknown>
}

async function send(row: Row, claims: Claims, given: Given = {}): Promise<Identity> {
  const signer = signerOf(row)
  const token = await signer.sign(claims, { typ: 'JWT' })
  const sources = [sourceOf(row, { keys: { jwks: signer.jwks }, ...given })]
  const headers =
    row.header === undefined ? { authorization: `Bearer ${token}` } : { [row.header]: token }
  return createAuthenticator({ resource, clock, sources }).authenticate({ headers })
}

async function expectReason(row: Row, reason: string, claims: Claims, given?: Given) {
  await expect(send(row, claims, given)).rejects.toMatchObject({ code: 'TOK', reason })
}

describe.each(rows)('$preset', (row) => {
  it('reads the token of a user', async () => {
    const [claims, identity] = row.user
    expect(await send(row, claims)).toMatchObject({ kind: 'user', ...identity })
  })

  it.runIf(row.service !== undefined)('reads the token of a service', async () => {
    const [claims, identity] = row.service ?? [{}, {}]
    expect(await send(row, claims)).toMatchObject({ kind: 'service', ...identity })
  })

  it.each(row.others ?? [])('reads %s', async (_name, claims, identity) => {
    expect(await send(row, claims)).toMatchObject(identity)
  })

  it('refuses what is not for this server, or not of this tenant', async () => {
    await expectReason(row, ...row.idToken)
    await expectReason(row, row.otherTenantReason ?? 'issuer_unknown', row.otherTenant)
    for (const [reason, claims] of row.refused ?? []) await expectReason(row, reason, claims)
  })

  it('gets its keys where the vendor has them, and takes another name', async () => {
    const asked: string[] = []
    const fetch: Given['fetch'] = async (input) => {
      asked.push(new Request(input).url)
      return new Response('', { status: 404 })
    }
    await issuerOf(row, { fetch })
      .ready(() => {})
      .catch(() => {})
    expect(asked).toEqual([row.keys])
    const iss = 'https://renamed.example/as'
    const [claims] = row.user
    expect((await send(row, { ...claims, iss }, { iss })).issuer).toBe(iss)
    await expect(send(row, claims, { iss })).rejects.toMatchObject({ name: 'IdentityError' })
  })
})

it('is the table in the docs', () => {
  const page = readFileSync(new URL('../../../../docs/issuers.md', import.meta.url), 'utf8')
  // `tsx --conditions=@onbehalf/source scripts/write-presets.ts` writes it again.
  expect(withTable(page)).toBe(page)
})
