import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/**
 * A certificate that signed itself, and its key: made anew, so that none is kept in a file. Those
 * that one server trusts side by side need names that differ.
 */
export function createCertificate(name = 'test'): {
  readonly cert: string
  readonly key: string
  readonly der: Buffer
} {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const der = signCertificate(tbsCertificate(publicKey, name), privateKey)
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { cert: toPem(der), key, der }
}

// X.509 in DER (RFC 5280 section 4.1), as little of it as TLS needs.
const ecdsaWithSha256 = sequence(hex('06082a8648ce3d040302'))

function tbsCertificate(publicKey: KeyObject, name: string): Buffer {
  const commonName = sequence(tlv(0x31, sequence(hex('0603550403'), tlv(0x0c, Buffer.from(name)))))
  const utcTime = (text: string): Buffer => tlv(0x17, Buffer.from(text))
  return sequence(
    tlv(0xa0, hex('020102')),
    hex('020101'),
    ecdsaWithSha256,
    commonName,
    sequence(utcTime('200101000000Z'), utcTime('491231235959Z')),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
    // Basic constraints: an authority, because it vouches for itself.
    tlv(0xa3, sequence(sequence(hex('0603551d13'), tlv(0x04, sequence(hex('0101ff')))))),
  )
}

function signCertificate(tbs: Buffer, key: KeyObject): Buffer {
  const bits = Buffer.concat([Buffer.of(0), sign('sha256', tbs, key)])
  return sequence(tbs, ecdsaWithSha256, tlv(0x03, bits))
}

function sequence(...members: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(members))
}

function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value
  const size = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), value])
}

function hex(digits: string): Buffer {
  return Buffer.from(digits, 'hex')
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
