// For servers on web standards: Cloudflare Workers, Deno, Bun, Next.js routes, Lambda function URLs

export { authenticateRequest } from './authenticate-request.ts'
export { refusalResponse } from './refusal-response.ts'
export { resourceMetadataResponse } from './resource-metadata-response.ts'
export type { WithIdentityOptions } from './with-identity.ts'
export { withIdentity } from './with-identity.ts'
