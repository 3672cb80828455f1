import fc from 'fast-check'
import type { Lines } from '../support/http.ts'
import { mutatedToken } from './edits.ts'
import type { Target, World } from './world.ts'

/** A request as it would stand on the wire. */
export interface FuzzedRequest {
  readonly target: Target
  readonly path: string
  readonly lines: Lines
}

type Line = readonly [name: string, value: string]

const often = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  )

const shapes = fc.record({
  name: often(
    'authorization',
    'Authorization',
    'AUTHORIZATION',
    'authorization_',
    'x-authorization',
  ),
  scheme: often(
    'Bearer ',
    'bearer ',
    'BEARER  ',
    'Bearer\t',
    'Bearer',
    'DPoP ',
    'Basic ',
    '',
    'Bearer ,',
  ),
  personName: often('x-user-token', 'X-User-Token', 'x_user_token', 'X_USER_TOKEN', 'x-user'),
  personScheme: often('', 'Bearer ', 'bearer  ', 'DPoP ', ' '),
  tail: often('', '', ' ', ', Bearer x', ' x', ';q=1', '\t'),
  query: often('', '?a=1', '?access_token=x', '?x=%61ccess_token', '?access_token', '?%00'),
})

const extras = fc.array(
  fc.constantFrom<Line>(
    ['authorization', 'Bearer a.b.c'],
    ['authorization', 'Basic YTpi'],
    ['Authorization', ''],
    ['x-user-token', 'a.b.c'],
    ['X_User_Token', 'a.b.c'],
    ['x-user', 'root'],
    ['x-org', 'acme'],
    ['x-user', ''],
    ['x-forwarded-host', 'evil.example'],
    ['cookie', 'access_token=x'],
    ['dpop', 'a.b.c'],
    ['mcp-session-id', 'x'],
  ),
  { maxLength: 2 },
)

const secrets = fc.oneof(
  { weight: 1, arbitrary: fc.constant((secret: string) => secret) },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.nat({ max: 60 }), fc.string({ maxLength: 3 })).map(
      ([at, text]) =>
        (secret: string) =>
          secret.slice(0, at) + text + secret.slice(at + 1),
    ),
  },
  { weight: 1, arbitrary: fc.string().map((text) => () => text) },
)

const parts = fc.record({
  target: fc.constantFrom<Target>(
    'direct',
    'direct',
    'forwarded',
    'forwarded',
    'enriched',
    'plainHeaders',
  ),
  own: mutatedToken,
  person: mutatedToken,
  shape: shapes,
  // Most requests differ from a sound one in their token alone.
  plain: fc.integer({ min: 0, max: 9 }).map((n) => n < 6),
  extras,
  secret: secrets,
})

type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never

/** A request that differs from a sound one in its tokens, its headers or both; a few do not. */
export function fuzzedRequests(world: World): fc.Arbitrary<FuzzedRequest> {
  return parts.map((drawn) => ({
    target: drawn.target,
    path: `/${drawn.target}${drawn.plain ? '' : drawn.shape.query}`,
    lines: drawn.target === 'plainHeaders' ? assertedLines(drawn, world) : tokenLines(drawn, world),
  }))
}

function tokenLines(
  { target, own, person, shape, plain, extras: more }: Parts,
  world: World,
): Lines {
  const token = own(world.tokens[target], world.material)
  const personLine: readonly Line[] =
    target === 'forwarded'
      ? [
          [
            plain ? 'x-user-token' : shape.personName,
            (plain ? '' : shape.personScheme) + person(world.personTokens, world.material),
          ],
        ]
      : []
  if (plain) return [['authorization', `Bearer ${token}`], ...personLine]
  return [[shape.name, shape.scheme + token + shape.tail], ...personLine, ...more]
}

function assertedLines({ secret, plain, extras: more }: Parts, world: World): Lines {
  const own: readonly Line[] = [
    ['x-user', 'ada'],
    ['x-org', 'acme'],
    ['x-gateway-secret', secret(world.secret)],
  ]
  return plain ? own : [...own, ...more]
}
