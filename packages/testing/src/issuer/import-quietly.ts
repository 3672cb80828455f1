const NOTICE = /^oidc-provider WARNING: Unsupported runtime/

/**
 * Imports oidc-provider without the notice that it prints on Node 20, where it is not supported but works
 * (this package is tested there). Every other output passes.
 */
export async function importQuietly<T>(load: () => Promise<T>): Promise<T> {
  const target: Pick<Console, 'warn'> = globalThis.console
  const { warn } = target
  target.warn = (...words: unknown[]) => {
    if (!NOTICE.test(String(words[0]))) warn(...words)
  }
  try {
    return await load()
  } finally {
    target.warn = warn
  }
}
