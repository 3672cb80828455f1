import { handle } from 'hono/aws-lambda'
import { createApp } from './app.ts'
import { optional, required } from './environment.ts'

const resource = required('RESOURCE')
const audience = optional('AUDIENCE', resource)

/** The function behind a function URL. */
export const handler: ReturnType<typeof handle> = handle(
  createApp({ resource, issuer: required('ISSUER'), audience }).app,
)
