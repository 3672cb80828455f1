/** A way of keeping records; all but `strict` are here for comparison. */
export type KeepMode = 'strict' | 'stream' | 'interval of 100 ms' | 'batch of 5 s'

/** What the server under load and those who call it have to agree on. */
export const people = 'https://people.example.com'
export const resource = 'https://mcp.example.com/mcp'
export const toolName = 'list_invoices'
