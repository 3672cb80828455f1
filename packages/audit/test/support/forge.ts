import { createHash } from 'node:crypto'

/**
 * Writes the records of a chain again, with edited events and right hashes: what anyone can do who
 * may write to the log. Needs no key. `first` is the number of the first one.
 */
export function forgeLines(
  chain: string,
  lines: readonly string[],
  edit: (event: string) => string,
  first = 1,
): readonly string[] {
  let prev = sha256(chain)
  return lines.map((line, at) => {
    const event = edit(JSON.stringify((JSON.parse(line) as { event: unknown }).event))
    const seq = first + at
    const hash = sha256(`{"event":${event},"prev":"${prev}","seq":${seq}}`)
    const forged = `{"event":${event},"hash":"${hash}","prev":"${prev}","seq":${seq}}\n`
    prev = hash
    return forged
  })
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
