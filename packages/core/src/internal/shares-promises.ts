/**
 * Whether requests may wait for a promise that another request started. Cloudflare Workers cancel the
 * input and output of a request with it: who waits for that from outside waits for ever.
 */
export function sharesPromises(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: unknown } }
  return navigator?.userAgent !== 'Cloudflare-Workers'
}
