import type { Answer } from '@onbehalf/core/node'
import type { FastifyReply } from 'fastify'

/** Sends an answer as it is: Fastify would add a charset to the type of a text. */
export function send({ status, headers, body }: Answer, reply: FastifyReply): FastifyReply {
  return reply.code(status).headers(headers).send(Buffer.from(body))
}
