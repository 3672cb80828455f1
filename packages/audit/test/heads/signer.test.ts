import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { localSigner, verifyLog } from '@onbehalf/audit'
import { describe, expect, it } from 'vitest'
import { newDirectory, writeLog } from '../support/log.ts'

describe('a key in a file', () => {
  it('is made with its public key beside it, and readable for its owner alone', async () => {
    const directory = newDirectory()
    const file = join(directory, 'key.pem')
    const signer = await localSigner(file)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory).toSorted()).toEqual(['key.pem', 'key.pem.pub'])
    const log = newDirectory()
    await writeLog(log, 3, { signer })
    const publicKeys = [readFileSync(`${file}.pub`, 'utf8')]
    expect(await verifyLog(log, { publicKeys })).toMatchObject({ verdict: 'signed', records: 3 })
  })

  it('is one, however many processes make it at the same time', async () => {
    const file = join(newDirectory(), 'key.pem')
    const signers = await Promise.all(Array.from({ length: 5 }, () => localSigner(file)))
    expect(new Set(signers.map(({ keyId }) => keyId)).size).toBe(1)
    expect((await localSigner(file)).keyId).toBe(signers[0]?.keyId)
  })

  it('differs from others by the hash of its public form', async () => {
    const file = join(newDirectory(), 'key.pem')
    const { keyId } = await localSigner(file)
    const publicKey = createPublicKey(readFileSync(`${file}.pub`, 'utf8'))
    const spki = publicKey.export({ type: 'spki', format: 'der' })
    expect(keyId).toBe(createHash('sha256').update(spki).digest('base64url'))
    expect((await localSigner(join(newDirectory(), 'key.pem'))).keyId).not.toBe(keyId)
  })

  it('is not made in the place of what cannot be read', async () => {
    const directory = newDirectory()
    await expect(localSigner(directory)).rejects.toThrow('EISDIR')
    await expect(localSigner(join(directory, 'none', 'key.pem'))).rejects.toThrow('ENOENT')
    expect(readdirSync(directory)).toEqual([])
  })

  it('is refused unless it is Ed25519', async () => {
    const file = join(newDirectory(), 'key.pem')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await expect(localSigner(file)).rejects.toThrow(new TypeError('the audit key must be Ed25519'))
  })
})
