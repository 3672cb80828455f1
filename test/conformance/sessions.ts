/** How long a client shall wait before it comes back to a stream. */
export const retryMs = 200

/** What both SDK generations answer for a session that does not exist. */
export const unknownSession = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32_001, message: 'Session not found' },
} as const
