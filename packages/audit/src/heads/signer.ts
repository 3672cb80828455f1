import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
  verify,
} from 'node:crypto'
import { link, readFile, unlink, writeFile } from 'node:fs/promises'
import { type LogHead, signedBytes } from './head.ts'

/** Signs heads: with a key of this process, or far away in a KMS. */
export interface Signer {
  /** Distinguishes keys. */
  readonly keyId: string
  /** Ed25519 signature (RFC 8032) of the bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/**
 * Signs with an Ed25519 key from a PEM file (PKCS #8). A file that does not exist is made, readable
 * for its owner alone, with the public key beside it in `<file>.pub`.
 *
 * Who can read the file can sign: keep it where the log's readers and writers cannot replace it, or
 * have a KMS sign.
 *
 * @throws TypeError when the key is not Ed25519
 */
export async function localSigner(file: string): Promise<Signer> {
  const key = createPrivateKey(await readOrCreate(file))
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('the audit key must be Ed25519')
  return {
    keyId: keyIdOf(createPublicKey(key)),
    sign: (bytes) => Promise.resolve(sign(null, bytes, key)),
  }
}

async function readOrCreate(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await create(file)
  return readFile(file, 'utf8')
}

// Linked into its place when it is whole: another process may be making the key, too.
async function create(file: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const temporary = `${file}.${randomUUID()}`
  await writeFile(temporary, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  try {
    await link(temporary, file)
    await writeFile(`${file}.pub`, publicKey.export({ type: 'spki', format: 'pem' }))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(temporary)
  }
}

/** The key's id: SHA-256 of its SPKI form, base64url. */
function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
}

/** Whether one of the keys signed the head. */
export function isSignedBy(head: LogHead, keys: readonly KeyObject[]): boolean {
  const { signature } = head
  if (typeof signature !== 'string') return false
  const bytes = Buffer.from(signature, 'base64url')
  try {
    return keys.some((key) => verify(null, signedBytes(head), key, bytes))
  } catch {
    // It has members that no canonical text can say: nobody signed that.
    return false
  }
}
