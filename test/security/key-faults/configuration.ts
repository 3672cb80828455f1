import { discoveredKeys, jwksKeys } from '../../../packages/core/src/keys/remote-keys.ts'
import { json, status } from './faulty-issuer.ts'
import type { Findings, Scenario } from './findings.ts'
import { onStage, type Stage, type StageOptions } from './stage.ts'

const unsafe = [
  'http://idp.example/jwks',
  'http://10.0.0.1/jwks',
  'file:///etc/keys.json',
  'ftp://idp.example/jwks',
  'data:application/json,{"keys":[]}',
  'https://10.0.0.1/jwks',
  'https://172.16.0.1/jwks',
  'https://192.168.0.1/jwks',
  'https://100.64.0.1/jwks',
  'https://169.254.169.254/latest/meta-data',
  'https://0xa9fea9fe/jwks',
  'https://2852039166/jwks',
  'https://0.0.0.0/jwks',
  'https://[fd00::1]/jwks',
  'https://[fe80::1]/jwks',
  'https://[::ffff:10.0.0.1]/jwks',
  'https://user:password@idp.example/jwks',
  'https://user@idp.example/jwks',
  'https://idp.example/jwks#keys',
  '/jwks',
  '',
] as const

export const unsafeAddresses: Scenario = {
  id: 'E12',
  title: 'an unsafe key address is a configuration error, from the operator or from metadata',
  run: async (found) => {
    for (const url of unsafe) {
      found.equal(
        `jwksUri ${url}`,
        errorOf(() => jwksKeys(url)),
        'TypeError',
      )
      found.equal(
        `issuer ${url}`,
        errorOf(() => discoveredKeys(url)),
        'TypeError',
      )
    }
    found.equal(
      'http on loopback',
      errorOf(() => jwksKeys('http://127.0.0.1:1/jwks')),
      'none',
    )
    found.equal(
      'http on a stated host of a container network',
      errorOf(() => jwksKeys('http://keycloak:1/jwks', { insecureHttpHosts: 'keycloak' })),
      'none',
    )
    const named = [
      ...unsafe,
      'http://keycloak:1/jwks',
      'http://127.0.0.1:1/jwks',
      'https://localhost/jwks',
      ['https://x.example'],
      7,
    ]
    for (const jwksUri of named) await playMetadata(found, jwksUri)
  },
}

const publicIssuer = 'https://idp.example'

/** A public issuer whose name leads to the loopback server: only the address is translated. */
function publicly({ origin }: { readonly origin: string }): StageOptions {
  return {
    iss: publicIssuer,
    keys: 'discovery',
    insecureHttpHosts: 'keycloak',
    fetch: (url, init) => fetch((url as URL).href.replace(publicIssuer, origin), init),
  }
}

async function playMetadata(found: Findings, jwksUri: unknown): Promise<void> {
  await onStage(publicly, async (stage) => {
    stage.idp.answerMetadata(json({ issuer: publicIssuer, jwks_uri: jwksUri }))
    const { status: code } = await stage.call()
    const got = [code, reasonOf(stage), stage.idp.keyRequests]
    found.equal(`jwks_uri ${String(jwksUri)} in metadata`, got, [503, 'metadata_jwks_uri', 0])
  })
}

export const wrongMetadata: Scenario = {
  id: 'E13',
  title: 'metadata of another issuer is a configuration error',
  run: async (found) => {
    await onStage({ keys: 'discovery' }, (stage) => playMismatch(found, stage))
    await onStage({ keys: 'discovery' }, (stage) => playRfc8414(found, stage))
    await onStage({ keys: 'discovery' }, (stage) => playMoved(found, stage))
  },
}

async function playMismatch(found: Findings, stage: Stage): Promise<void> {
  const { origin, jwksUri } = stage.idp
  const wrong: readonly (readonly [name: string, metadata: unknown, reason: string])[] = [
    [
      'another issuer',
      { issuer: `${origin}/other`, jwks_uri: jwksUri },
      'metadata_issuer_mismatch',
    ],
    ['one slash more', { issuer: `${origin}/`, jwks_uri: jwksUri }, 'metadata_issuer_mismatch'],
    ['no issuer', { jwks_uri: jwksUri }, 'metadata_issuer_mismatch'],
    ['no jwks_uri', { issuer: origin }, 'metadata_jwks_uri'],
    ['a list', [], 'metadata_malformed'],
  ]
  for (const [name, metadata, reason] of wrong) {
    stage.idp.answerMetadata(json(metadata))
    const ready = await stage.authenticator.ready().then(
      () => 'ready',
      (error: { code: string; cause?: { reason?: string } }) => [error.code, error.cause?.reason],
    )
    found.equal(`${name}: ready`, ready, ['DOWN', reason])
    found.equal(`${name}: answer`, (await stage.call()).status, 503)
    stage.advance(80)
  }
  found.equal('fetches of keys', stage.idp.keyRequests, 0)
  stage.idp.answerMetadata(json({ issuer: origin, jwks_uri: jwksUri }))
  found.equal('when it is mended', (await stage.call()).status, 200)
}

async function playRfc8414(found: Findings, stage: Stage): Promise<void> {
  const { origin, jwksUri } = stage.idp
  stage.idp.answerMetadata((req, res) => {
    const isOAuth = req.url === '/.well-known/oauth-authorization-server'
    const answer = isOAuth ? json({ issuer: origin, jwks_uri: jwksUri }) : status(404)
    answer(req, res)
  })
  found.equal('RFC 8414 metadata where OpenID has none', (await stage.call()).status, 200)
}

async function playMoved(found: Findings, stage: Stage): Promise<void> {
  await stage.call()
  const before = stage.idp.metadataRequests
  for (let at = 0; at < 20; at++) await stage.callUnknown()
  found.equal('metadata read for unknown kids', stage.idp.metadataRequests - before, 0)
  stage.advance(601)
  await stage.call()
  found.equal('metadata read again after its age', stage.idp.metadataRequests - before, 1)
}

function reasonOf(stage: Stage): string | undefined {
  return stage.events.find((event) => event.type === 'keys_failed')?.reason
}

function errorOf(construct: () => unknown): string {
  try {
    construct()
    return 'none'
  } catch (error) {
    return (error as Error).name
  }
}
