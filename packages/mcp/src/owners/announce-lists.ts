import type { Connectable } from '../wire/transport.ts'

interface Notifier {
  getCapabilities?: () => Readonly<Record<string, { readonly listChanged?: unknown } | undefined>>
  notification?: (notification: { readonly method: string }) => Promise<void>
}

const lists = ['tools', 'prompts', 'resources']

/** Tells the client that lists have changed, as far as the server declares that it does so. */
export function announceLists(low: Connectable): void {
  const server = low as Notifier
  const capabilities = server.getCapabilities?.() ?? {}
  for (const list of lists.filter((name) => capabilities[name]?.listChanged === true)) {
    server
      .notification?.({ method: `notifications/${list}/list_changed` })
      .catch((error: unknown) => low.onerror?.(error as Error))
  }
}
