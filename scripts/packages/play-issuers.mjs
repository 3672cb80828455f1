// Loaded before a program of a page. Every issuer that the program names publishes the keys of this
// check, and in place of port 3000 the program gets a free one, which it reports.
import { Server } from 'node:net'

const jwks = JSON.parse(process.env.PLAYED_JWKS ?? '')
const discovery = '/.well-known/openid-configuration'

const { fetch } = globalThis
globalThis.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input)
  if (url.hostname === '127.0.0.1') return fetch(input, init)
  if (!url.pathname.endsWith(discovery)) return Response.json(jwks)
  const issuer = url.href.slice(0, -discovery.length)
  return Response.json({ issuer, jwks_uri: `${issuer}/keys` })
}

const { listen } = Server.prototype
Server.prototype.listen = function (first, ...rest) {
  const { port, ...options } = typeof first === 'object' ? first : { port: first }
  if (Number(port) !== 3000) return listen.call(this, first, ...rest)
  this.once('listening', () => process.send?.(this.address().port))
  return listen.call(this, { ...options, port: 0 }, ...rest)
}
