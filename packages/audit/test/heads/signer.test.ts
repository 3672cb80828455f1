import { generateKeyPairSync } from 'node:crypto'
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

  it('is refused unless it is Ed25519', async () => {
    const file = join(newDirectory(), 'key.pem')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await expect(localSigner(file)).rejects.toThrow(new TypeError('the audit key must be Ed25519'))
  })
})
