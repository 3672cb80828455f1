// For servers on `node:http`, and for what is built on it: the entry that needs Node

export type { Answer, MetadataPublisher } from '../adapters/metadata-answer.ts'
export type { RefusalObserver } from '../adapters/tell-refusal.ts'
export { authenticateIncoming } from './authenticate-incoming.ts'
export { credentialRequest } from './credential-request.ts'
export { metadataAnswer } from './metadata-answer.ts'
export { reportRefusal } from './report-refusal.ts'
