import { constants, createHash, createPublicKey, privateEncrypt } from 'node:crypto'
import type { Sign, SigningKey } from './keys.ts'

const modulusBytes = 256
const sha256Prefix = '3031300d060960864801650304020105000420'

export interface BadSignature {
  readonly variant: string
  readonly sign: Sign
}

/**
 * RSASSA-PKCS1-v1_5 signatures (RFC 8017 section 8.2) made with the right key, each with one defect
 * in the encoded message or in its representation. A verifier that parses the padding in place of
 * comparing it accepts some of them.
 */
export function badlyPadded(key: SigningKey): readonly BadSignature[] {
  const messages = Object.entries(encodedMessages).map(([variant, encode]) => ({
    variant,
    sign: (input: string) => rawSign(key, encode(sha256(input))),
  }))
  return [...messages, ...badIntegers(key)]
}

type Encode = (digest: string) => string

const padded = (digestInfo: string): string => frame('0001', 'ff', digestInfo)

const encodedMessages: Readonly<Record<string, Encode>> = {
  'first byte 01': (digest) => `01${padded(sha256Prefix + digest).slice(2)}`,
  'block type 00': (digest) => frame('0000', 'ff', sha256Prefix + digest),
  'block type 02': (digest) => frame('0002', 'ff', sha256Prefix + digest),
  'padding of zeros': (digest) => frame('0001', '00', sha256Prefix + digest),
  'one padding byte fe': (digest) => padded(sha256Prefix + digest).replace('0001ff', '0001fe'),
  'last padding byte fe': (digest) => padded(sha256Prefix + digest).replace('ff00', 'fe00'),
  'no separator': (digest) => padded(sha256Prefix + digest).replace('ff00', 'ffff'),
  'short padding, garbage behind the digest': (digest) =>
    tail(`0001${'ff'.repeat(8)}00${sha256Prefix}${digest}`),
  'no padding, garbage behind the digest': (digest) => tail(`000100${sha256Prefix}${digest}`),
  'garbage inside the digest info': (digest) =>
    tail(`0001${'ff'.repeat(8)}00${sha256Prefix.replace('0500', '05820080')}`, digest),
  'no NULL parameter': (digest) => padded(`302f300b0609608648016503040201${'0420'}${digest}`),
  'parameter of another type': (digest) => padded(sha256Prefix.replace('0500', '0400') + digest),
  'length in long form': (digest) => padded(`308131${sha256Prefix.slice(4)}${digest}`),
  'digest length in long form': (digest) =>
    padded(`3032300d06096086480165030402010500048120${digest}`),
  'identifier of SHA-1': (digest) => padded(`302d300906052b0e03021a05000420${digest}`),
  'identifier of SHA-512': (digest) => padded(sha256Prefix.replace('0201', '0203') + digest),
  'digest without an identifier': (digest) => padded(digest),
  'digest cut short': (digest) => padded(sha256Prefix + digest.slice(2)),
  'digest with one more byte': (digest) => padded(`${sha256Prefix}${digest}00`),
  'digest with one bit flipped': (digest) => padded(sha256Prefix + flipLastBit(digest)),
  'digest of another text': () => padded(sha256Prefix + sha256('another text')),
}

function badIntegers(key: SigningKey): readonly BadSignature[] {
  const modulus = BigInt(`0x${Buffer.from(String(key.jwk['n']), 'base64url').toString('hex')}`)
  const sound = (input: string): Buffer => rawSign(key, padded(sha256Prefix + sha256(input)))
  const constant =
    (value: bigint, bytes = modulusBytes): Sign =>
    () =>
      toBytes(value, bytes)
  return [
    { variant: 'the integer 0', sign: constant(0n) },
    { variant: 'the integer 1', sign: constant(1n) },
    { variant: 'the modulus', sign: constant(modulus) },
    { variant: 'the modulus less 1', sign: constant(modulus - 1n) },
    {
      variant: 'the modulus added',
      sign: (input) => toBytes(toInteger(sound(input)) + modulus, modulusBytes + 1),
    },
    { variant: 'a zero byte in front', sign: (input) => Buffer.concat([zero, sound(input)]) },
    { variant: 'a zero byte behind', sign: (input) => Buffer.concat([sound(input), zero]) },
    { variant: 'the last byte missing', sign: (input) => sound(input).subarray(0, -1) },
    { variant: 'the first byte missing', sign: (input) => sound(input).subarray(1) },
    {
      variant: 'the signature twice',
      sign: (input) => Buffer.concat([sound(input), sound(input)]),
    },
    { variant: 'no byte at all', sign: () => Buffer.alloc(0) },
  ]
}

const zero = Buffer.alloc(1)

/** The signature that the same code makes without a defect. */
export function wellPadded(key: SigningKey): Sign {
  return (input) => rawSign(key, padded(sha256Prefix + sha256(input)))
}

function frame(head: string, padding: string, end: string): string {
  const count = modulusBytes - (head.length + 2 + end.length) / 2
  return `${head}${padding.repeat(count)}00${end}`
}

function tail(head: string, end = ''): string {
  const count = modulusBytes - (head.length + end.length) / 2
  return `${head}${'41'.repeat(count)}${end}`
}

function rawSign(key: SigningKey, encodedHex: string): Buffer {
  const options = { key: key.privateKey, padding: constants.RSA_NO_PADDING }
  return privateEncrypt(options, Buffer.from(encodedHex, 'hex'))
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function flipLastBit(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes[31] = (bytes[31] as number) ^ 1
  return bytes.toString('hex')
}

function toInteger(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`)
}

function toBytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex')
}

/** The public key in every spelling that has ever been taken for an HMAC secret. */
export function spellingsOf(key: SigningKey): readonly (readonly [string, Buffer | string])[] {
  const publicKey = createPublicKey(key.privateKey)
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const pkcs1 = publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  const der = publicKey.export({ type: 'spki', format: 'der' })
  const modulus = String(key.jwk['n'])
  return [
    ['PEM', pem],
    ['trimmed PEM', pem.trim()],
    ['PEM without line breaks', pem.replaceAll('\n', '')],
    ['PEM with CRLF', pem.replaceAll('\n', '\r\n')],
    ['PEM after a space', ` ${pem}`],
    ['PEM after a newline', `\n${pem}`],
    ['PEM after a tab', `\t${pem}`],
    ['PEM after a byte order mark', `\uFEFF${pem}`],
    ['PEM of PKCS#1', pkcs1],
    ['trimmed PEM of PKCS#1', pkcs1.trim()],
    ['DER', der],
    ['DER of PKCS#1', publicKey.export({ type: 'pkcs1', format: 'der' })],
    ['modulus as text', modulus],
    ['modulus as bytes', Buffer.from(modulus, 'base64url')],
    ['JWK', JSON.stringify(key.jwk)],
    ['bare JWK', JSON.stringify({ e: key.jwk['e'], kty: 'RSA', n: modulus })],
    ['SSH line', sshLine(key)],
    ['empty secret', ''],
    ['key id', key.keyId],
  ]
}

/** RFC 4253 section 6.6. */
function sshLine(key: SigningKey): string {
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }
  const positive = (text: unknown): Buffer =>
    Buffer.concat([zero, Buffer.from(String(text), 'base64url')])
  const exponent = Buffer.from(String(key.jwk['e']), 'base64url')
  const blob = [field(Buffer.from('ssh-rsa')), field(exponent), field(positive(key.jwk['n']))]
  return `ssh-rsa ${Buffer.concat(blob).toString('base64')} ada@example`
}
