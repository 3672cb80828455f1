// NUL, DEL and C1; what is not drawn (default ignorable, format, variation selectors, fillers) or changes
// the direction of what is around it; blanks that look like a space or like nothing; line and paragraph
// separators; lone surrogates: what changes how a line looks without being seen, what RFC 8785 cannot
// write, or what a database refuses within JSON, as Postgres does NUL. The rest of C0 needs no entry:
// JSON escapes it.
const invisible =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- it looks for them
  /[\u0000\u007f-\u009f\u2800\u{16fe4}\u{1d159}\p{Default_Ignorable_Code_Point}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]|(?! )\p{Zs}|\\u\{/gu

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
