import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AwsAlbOptions, awsAlb } from '@onbehalf/aws'
import {
  type Authenticator,
  type AuthenticatorEvent,
  createAuthenticator,
  type Identity,
} from '@onbehalf/core'
import { onTestFinished, vi } from 'vitest'

export const signer =
  'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/mcp/50dc6c495c0c9188'
export const issuer = 'https://login.example.com'
export const now = 1_795_430_400

export type Json = Readonly<Record<string, unknown>>

/** A load balancer and the server of its keys. */
export interface Balancer {
  readonly keyId: string
  readonly fetches: string[]
  /** What the key server answers from now on; its own key without one. */
  answer: { readonly status: number; readonly body: string } | undefined
  readonly options: AwsAlbOptions
  /** An assertion as a load balancer writes it: with padding in every part. Text is sent as it is. */
  readonly assert: (claims?: Json | string, header?: Json, key?: KeyObject) => string
}

export async function start(answer?: { status: number; body: string }): Promise<Balancer> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const keyId = randomUUID()
  const fetches: string[] = []
  const server = createServer((req, res) => {
    fetches.push(req.url ?? '')
    const found = req.url === `/${keyId}` ? { status: 200, body: pem } : { status: 404, body: '' }
    const { status, body } = balancer.answer ?? found
    res.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const keysUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const balancer: Balancer = {
    keyId,
    fetches,
    answer,
    options: {
      region: 'eu-west-1',
      signers: [signer],
      clients: ['alb-client'],
      iss: issuer,
      keysUrl,
      organization: 'org_id',
      roles: 'groups',
    },
    assert: (claims = {}, header = {}, key = privateKey) => {
      const head = {
        typ: 'JWT',
        alg: 'ES256',
        kid: keyId,
        signer,
        client: 'alb-client',
        iss: issuer,
        exp: now + 120,
        ...header,
      }
      const body = {
        sub: 'ada',
        iss: issuer,
        exp: now + 120,
        org_id: 'acme',
        groups: ['member'],
        ...(claims as Json),
      }
      const text = typeof claims === 'string' ? claims : JSON.stringify(body)
      const signed = `${padded(JSON.stringify(head))}.${padded(text)}`
      const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
      return `${signed}.${padded(signature)}`
    },
  }
  return balancer
}

function padded(data: string | Buffer): string {
  return Buffer.from(data).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

export function authenticatorOf(
  options: AwsAlbOptions,
  onEvent: (event: AuthenticatorEvent) => void = () => {},
): Authenticator {
  const sources = [awsAlb(options)]
  const resource = 'https://mcp.example.com/mcp'
  return createAuthenticator({ resource, sources, clock: () => now, onEvent })
}

/** Moves the clock that keys are kept by. */
export function monotonicClock(): { seconds: number } {
  const clock = { seconds: 0 }
  vi.spyOn(performance, 'now').mockImplementation(() => clock.seconds * 1000)
  onTestFinished(() => void vi.restoreAllMocks())
  return clock
}

/** Refused requests of somebody who invents key ids. */
export async function flood(authenticator: Authenticator, { assert }: Balancer, times: number) {
  const requests = Array.from({ length: times }, () =>
    read(authenticator, assert({}, { kid: randomUUID() })).then(
      () => 'accepted',
      (error: { reason: string }) => error.reason,
    ),
  )
  return Promise.all(requests)
}

export function read(authenticator: Authenticator, assertion: string): Promise<Identity> {
  return authenticator.authenticate({ headers: { 'x-amzn-oidc-data': assertion } })
}
