import { type LogHead, signedBytes } from '../heads/head.ts'
import type { Signer } from '../heads/signer.ts'
import { within } from '../within.ts'

/** Seconds that a signer and an anchor may take. */
export const patience = 10

/** @throws Error what the signer throws, or TooLate */
export async function signHead(signer: Signer, head: LogHead): Promise<LogHead> {
  const signing = signer.sign(signedBytes(head))
  const signature = await within(patience, signing, 'the signer is too slow')
  return { ...head, signature: Buffer.from(signature).toString('base64url') }
}

/**
 * Whether this signer signed the head. Ed25519 gives one signature for one text (RFC 8032 section
 * 5.1.6), so that a signer recognizes its own without a public key.
 *
 * @throws Error what the signer throws, or TooLate
 */
export async function isHeadOf(signer: Signer | null, head: LogHead): Promise<boolean> {
  const { signature, ...unsigned } = head
  if (signer === null) return signature === undefined
  if (head.keyId !== signer.keyId) return false
  return (await signHead(signer, unsigned)).signature === signature
}
