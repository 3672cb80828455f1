/**
 * Reads the body of a request or response, and cancels it as soon as it is too large.
 *
 * @throws what `onTooLarge` makes, or what the body itself fails with
 */
export async function readBounded(
  { body }: { readonly body: ReadableStream<Uint8Array> | null },
  maxBytes: number,
  onTooLarge: () => Error,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    // Leaving the loop cancels the rest of the body.
    if (size > maxBytes) throw onTooLarge()
    chunks.push(chunk)
  }
  return concat(chunks, size)
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
