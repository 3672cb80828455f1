import { createHash } from 'node:crypto'

/** Stores keep short ASCII text; ids and subjects may be anything. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
