// NUL, DEL and C1, zero-width and bidi controls, line and paragraph separators, interlinear marks, byte
// order mark, language tags, lone surrogates: what changes how a line looks without being seen, what
// RFC 8785 cannot write, or what a database refuses within JSON, as Postgres does NUL. The rest of C0
// needs no entry: JSON escapes it.
const invisible =
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  /[\u0000\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}|\\u\{/gu

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const suspicious = /[^\u0001-\u007e]|\\u\{/

/**
 * Replaces characters that cannot be seen, or that a terminal obeys, by `\u{HEX}`. A text that
 * holds `\u{` already gets `\u{5C}u{` for it, so that no two texts look the same afterwards.
 */
export function visibleText(text: string): string {
  if (!suspicious.test(text)) return text
  return text.replace(invisible, (found) =>
    found === '\\u{'
      ? '\\u{5C}u{'
      : `\\u{${(found.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`,
  )
}

/** The text that {@link visibleText} was given. */
export function originalText(text: string): string {
  return text.replace(/\\u\{([0-9A-F]{1,6})\}/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  )
}
