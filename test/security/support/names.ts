/** The world of these tests: one resource, one issuer, one moment. */
export const resource = 'https://mcp.example/mcp'
export const audience = 'https://mcp.example/mcp'
export const issuerName = 'https://idp.example'
export const resourceMetadataUrl = 'https://mcp.example/.well-known/oauth-protected-resource/mcp'
/** Seconds since 1970 on the clock of every server here, unless a test moves it. */
export const now = 1_800_000_000
