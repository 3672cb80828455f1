import type { FastifyReply, FastifyRequest } from 'fastify'

/** An `onRequest` hook of Fastify 5, for the whole application or for one route. */
export type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
