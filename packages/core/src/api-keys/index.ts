// API keys and personal access tokens

export type { ApiKey, ApiKeyStore, ManagedApiKeys } from './api-key.ts'
export type { ApiKeysOptions } from './api-keys.ts'
export { apiKeys } from './api-keys.ts'
export type { CreateApiKeyOptions } from './create-api-key.ts'
export { createApiKey } from './create-api-key.ts'
export { memoryApiKeys } from './memory-api-keys.ts'
