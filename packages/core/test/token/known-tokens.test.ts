import { expect, it } from 'vitest'
import { KnownTokens } from '../../src/credentials/credentials.ts'
import { parseToken } from '../../src/token/parse-token.ts'
import { createSigner } from '../support/signer.ts'

it('brings the same claims again, and takes the text from the caller that has it', async () => {
  const text = await (await createSigner()).sign({ sub: 'ada' })
  const token = parseToken(text)
  const known = new KnownTokens()
  known.keep('hash', token)
  const found = known.find('hash', text)
  expect(found).toEqual(token)
  expect(found?.claims).toBe(token.claims)
  const parts = { protected: 'a', payload: 'b', signature: 'c' }
  expect(known.find('hash', 'a.b.c')).toMatchObject(parts)
  expect(known.find('another', text)).toBeUndefined()
})
