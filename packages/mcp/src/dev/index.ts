export { type DevLoggerOptions, devLogger } from './dev-logger.ts'
