import type { ServerResponse } from 'node:http'
import type { Answer } from '@onbehalf/core/node'

export function send({ status, headers, body }: Answer, res: ServerResponse): void {
  res.statusCode = status
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  res.end(body)
}
