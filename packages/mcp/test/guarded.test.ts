import { check, type Guard, organization, role, user } from '@onbehalf/core/guards'
import {
  allowPublic,
  denialKey,
  guarded,
  identityOf,
  requireAll,
  requireAny,
  requireOrg,
  requireRole,
  requireScope,
  requireUser,
} from '@onbehalf/mcp'
import { afterEach, describe, expect, test } from 'vitest'
import { authInfoOf, callers, makeAuthInfo } from './support/callers.ts'
import { connectMemoryV1, connectMemoryV2, type TestClient } from './support/clients.ts'
import { noteUri, runs } from './support/guarded-server.ts'
import { makeServer, reply } from './support/make-server.ts'
import { generations } from './support/raw.ts'
import { registerV1, registerV2, type ServerV1, type ServerV2 } from './support/servers.ts'

const january = { month: '2026-01' }
const context = (caller: string) => ({ authInfo: authInfoOf(caller) })
const ada = callers.get('ada')

afterEach(() => {
  runs.length = 0
})

describe.each(generations)('on a %s server that nothing protects', (generation) => {
  async function connect(caller?: string): Promise<TestClient> {
    const server = makeServer(generation)
    if (generation === 'v1') registerV1(server as ServerV1)
    else registerV2(server as unknown as ServerV2)
    const connectMemory = generation === 'v1' ? connectMemoryV1 : connectMemoryV2
    return connectMemory(server as never, caller)
  }

  test.each([
    [undefined, 'identity_missing', 'the call carries no verified identity.'],
    ['copy-of-ada', 'identity_missing', 'the call carries no verified identity.'],
    ['late', 'identity_expired', 'the identity behind the call has expired.'],
    ['eve', 'org_mismatch', 'the caller does not act for this organization.'],
  ])('a wrapped tool refuses %s', async (caller, reason, text) => {
    const client = await connect(caller)
    expect(await client.call('acme_only', january)).toEqual({
      kind: 'denied',
      text: `Access denied: ${text}`,
      denial: { reason, guard: 'organization', required: {} },
    })
    expect(runs).toEqual([])
  })

  test('a wrapped tool runs for a caller with rights', async () => {
    const client = await connect('bob')
    expect(await client.call('any_org', january)).toEqual({ kind: 'text', text: 'acme 2026-01' })
  })

  test('a public tool runs for anyone', async () => {
    const client = await connect()
    expect(await client.call('health', january)).toEqual({ kind: 'text', text: 'hello stranger' })
  })

  test('a wrapped resource and template refuse with an error', async () => {
    const client = await connect('eve')
    for (const uri of [noteUri, 'file:///acme/plan']) {
      expect(await client.read(uri)).toEqual({
        kind: 'error',
        code: 31_403,
        message: 'Access denied: the caller does not act for this organization.',
        data: { reason: 'org_mismatch', guard: 'organization', required: {} },
      })
    }
    expect(runs).toEqual([])
  })

  // SDK v1 does not tell a prompt from a tool: its client rejects the refusal as malformed.
  const refusal = generation === 'v1' ? /messages/ : /a required role.*31403/
  test('a wrapped prompt refuses', async () => {
    const client = await connect('bob')
    const asked = client.prompt('ask', { topic: 'tax' }).then((outcome) => {
      throw new Error(JSON.stringify(outcome, ['message', 'code']))
    })
    await expect(asked).rejects.toThrow(refusal)
    expect(runs).toEqual([])
  })
})

/** A guarded handler as the SDKs see it: with whatever number of parameters. */
function unaware(handler: (...params: unknown[]) => unknown, guard: Guard<never> = user()) {
  return guarded(guard, handler as never) as unknown as (...params: unknown[]) => Promise<unknown>
}

describe('guarded', () => {
  const done = () => reply('done')

  test('takes the context from the last parameter, whatever comes before it', async () => {
    const seen: unknown[] = []
    const keep = unaware((...params) => seen.push(params.slice(0, -1)))
    await keep('arguments', context('ada'))
    await keep('uri', 'variables', context('ada'))
    expect(seen).toEqual([['arguments'], ['uri', 'variables']])
  })

  test.each([[], [undefined], [null], ['context'], [{}], [{ authInfo: null }], [{ http: {} }]])(
    'refuses without a context that carries an identity: %j',
    async (...params) => {
      let ran = false
      const wrapped = unaware(() => {
        ran = true
      })
      expect(await wrapped(...params)).toMatchObject({
        isError: true,
        _meta: { [denialKey]: { reason: 'identity_missing' } },
      })
      expect(ran).toBe(false)
    },
  )

  test('believes no identity that a context or its AuthInfo claims', async () => {
    const wrapped = guarded(user(), (..._params: unknown[]) => 'ran')
    const forged = { ...ada }
    for (const claimed of [
      { identity: ada },
      { identity: forged, authInfo: { extra: { identity: ada, sub: 'ada' } } },
      { authInfo: { ...authInfoOf('ada') } },
      { authInfo: Object.create(authInfoOf('ada') ?? null) as object },
      { http: { authInfo: structuredClone({ ...authInfoOf('ada') }) } },
    ]) {
      expect(await wrapped({}, claimed)).toMatchObject({
        _meta: { [denialKey]: { reason: 'identity_missing' } },
      })
    }
  })

  test('reads the context of either generation', async () => {
    const wrapped = guarded(
      user(),
      (_args: object, ctx: { identity: { subject: string } }) => ctx.identity.subject,
    )
    expect(await wrapped({}, { authInfo: authInfoOf('ada') } as never)).toBe('ada')
    expect(await wrapped({}, { http: { authInfo: authInfoOf('ada') } } as never)).toBe('ada')
  })

  test('leaves the context of the SDK as it is and its members working', async () => {
    class Context {
      authInfo = authInfoOf('ada')
      count = 0
      #secret = 'kept'
      get double() {
        return this.count * 2
      }
      increment = () => ++this.count
      reveal = () => this.#secret
      method() {
        return this.count
      }
    }
    const given = new Context()
    Object.defineProperty(given, 'lazy', { get: () => 'computed', enumerable: true })
    const frozen = Object.freeze({ authInfo: authInfoOf('ada'), nested: { a: 1 } })
    type Seen = Context & { lazy: string; identity: unknown }
    let seen: Seen | undefined
    await guarded(user(), (_args: object, ctx: unknown) => {
      seen = ctx as Seen
    })({}, given)
    expect(seen).not.toBe(given)
    expect(seen).toBeInstanceOf(Context)
    expect(seen?.identity).toBe(ada)
    expect([seen?.double, seen?.method(), seen?.lazy, seen?.reveal()]).toEqual([
      0,
      0,
      'computed',
      'kept',
    ])
    expect(seen?.increment()).toBe(1)
    expect(given.count).toBe(1)
    expect(given).not.toHaveProperty('identity')
    expect({ ...(seen as object) }).toMatchObject({ identity: ada, lazy: 'computed' })
    await guarded(user(), (_args: object, ctx: typeof frozen & { identity: unknown }) => {
      expect(ctx.nested).toBe(frozen.nested)
      expect(ctx.identity).toBe(ada)
    })({}, frozen as never)
  })

  test('does not let a handler exchange the identity', async () => {
    await guarded(user(), (_args: object, ctx: { identity: unknown }) => {
      expect(() => {
        ctx.identity = undefined
      }).toThrow(TypeError)
    })({}, context('ada') as never)
  })

  test('does not let an inner handler exchange the identity either', async () => {
    const inner = guarded(user(), (_args: object, ctx: { identity: unknown }) => {
      expect(() => {
        ctx.identity = undefined
      }).toThrow(TypeError)
    })
    await guarded(user(), inner)({}, context('ada') as never)
  })

  test('leaves a context of another kind as it is, and lets it work', async () => {
    class Context {
      readonly authInfo = authInfoOf('duo')
      reads = 0
      get inherited() {
        return 'inherited'
      }
    }
    const given = new Context()
    Object.defineProperty(given, 'costly', { get: () => (given.reads += 1), enumerable: true })
    const inner = requireOrg(async (_args: object, ctx) => {
      expect(given.reads).toBe(0)
      const { inherited, costly } = ctx as unknown as Record<string, unknown>
      return [ctx instanceof Context, inherited, costly, ctx.identity.organization.id]
    })
    const wrapped = requireOrg({ match: (args: { orgId: string }) => args.orgId }, inner as never)
    for (const orgId of ['globex', 'acme']) {
      given.reads = 0
      expect(await wrapped({ orgId }, given as never)).toEqual([true, 'inherited', 1, orgId])
    }
    expect(Object.keys(given)).toEqual(['authInfo', 'reads', 'costly'])
  })

  test('gives the same identity to ctx and identityOf', async () => {
    const wrapped = requireOrg(
      { match: (args: { orgId: string }) => args.orgId },
      async (_args: { orgId: string }, ctx) => {
        await Promise.resolve()
        expect(identityOf(ctx)).toBe(ctx.identity)
        return ctx.identity.organization.id
      },
    )
    expect(await wrapped({ orgId: 'globex' }, context('duo'))).toBe('globex')
  })

  test('hands the organization that matched on to an inner wrapper', async () => {
    const inner = requireOrg(
      { roles: 'controller' },
      (_args: { orgId: string }, { identity }) => identity.organization.id,
    )
    const wrapped = requireOrg({ match: (args) => args.orgId }, inner)
    expect(await wrapped({ orgId: 'globex' }, context('duo'))).toBe('globex')
    expect(await wrapped({ orgId: 'acme' }, context('duo'))).toMatchObject({
      _meta: { [denialKey]: { reason: 'org_role_missing' } },
    })
  })

  test('passes on what a handler returns and throws', async () => {
    const failure = new Error('no such invoice')
    const broken = guarded(user(), (_args: object, _ctx: object): string => {
      throw failure
    })
    await expect(broken({}, context('ada'))).rejects.toBe(failure)
    expect(await guarded(user(), (_args: object, _ctx: object) => 7)({}, context('ada'))).toBe(7)
  })

  test('gives arguments that were left out to the guard as none', async () => {
    const seen: unknown[] = []
    const guard = check('keeps', (_identity, args) => seen.push(args) > 0, { needsArguments: true })
    await unaware(() => 'ran', guard)(context('ada'))
    await unaware(() => 'ran', guard)(undefined, context('ada'))
    expect(seen).toEqual([{}, {}])
  })

  test('throws TypeError for what is not a handler', () => {
    for (const handler of [undefined, null, {}, 'handler']) {
      expect(() => guarded(user(), handler as never)).toThrow(TypeError)
      expect(() => requireOrg(handler as never)).toThrow(TypeError)
      expect(() => allowPublic(handler as never)).toThrow(TypeError)
    }
  })

  test.each([undefined, null, 'user', () => true, {}])(
    'throws TypeError for the guard %s',
    (guard) => {
      expect(() => guarded(guard as never, done)).toThrow(new TypeError('guard must be a guard'))
    },
  )

  test.each([
    [undefined, 'scope: the options must be an object'],
    ['notes:write', 'scope: the options must be an object'],
    [{ imply: {} }, '"imply" is not an option of scope'],
    [{ implies: undefined }, 'implies must not be undefined'],
  ])('throws TypeError for the options of a scope %j', (options, message) => {
    const required = () => requireScope('notes:read', options as never, done)
    expect(required).toThrow(new TypeError(message))
  })

  test('throws TypeError for a handler that is public and guarded', () => {
    expect(() => requireUser(allowPublic(done))).toThrow('a public handler cannot have a guard')
    expect(() => allowPublic(requireUser(done))).toThrow('a guarded handler cannot be public')
  })
})

describe('requireOrg', () => {
  const done = (_args: object, _ctx: object) => 'ran'
  const reason = async (
    wrapped: (args: object, ctx: object) => Promise<unknown>,
    caller: string,
  ) => {
    const result = await wrapped({ orgId: 'globex' }, context(caller))
    const meta = (result as { _meta?: Record<string, { reason: string }> })._meta
    return meta?.[denialKey]?.reason ?? result
  }

  test('takes ids and options in every documented form', async () => {
    expect(await reason(requireOrg(['acme', 'globex'], done), 'eve')).toBe('ran')
    expect(await reason(requireOrg({ ids: 'acme' }, done), 'eve')).toBe('org_mismatch')
    expect(await reason(requireOrg('acme', { roles: 'controller' }, done), 'bob')).toBe(
      'org_role_missing',
    )
    expect(await reason(requireOrg(['globex'], { roles: ['controller'] }, done), 'eve')).toBe('ran')
    expect(await reason(requireOrg({}, done), 'eve')).toBe('ran')
  })

  test.each([
    [undefined],
    [null],
    [''],
    [[]],
    [['']],
    [{ ids: undefined }],
    [{ ids: [] }],
    [{ roles: undefined }],
    [{ match: undefined }],
    [7],
  ])('throws TypeError for the rule %j, which could otherwise allow any organization', (rule) => {
    expect(() => requireOrg(rule as never, done)).toThrow(TypeError)
    expect(() => requireOrg('acme', rule as never, done)).toThrow(TypeError)
  })

  test('refuses options that name other ids than the list before them', () => {
    expect(() => requireOrg('acme', { ids: 'globex' } as never, done)).toThrow(TypeError)
  })
})

describe('the other wrappers', () => {
  const done = () => 'ran'

  test('throw TypeError when nothing is required', () => {
    expect(() => requireRole([], done)).toThrow(TypeError)
    expect(() => requireRole(undefined as never, done)).toThrow(TypeError)
    expect(() => requireScope('', done)).toThrow(TypeError)
    expect(() => requireScope(undefined as never, done)).toThrow(TypeError)
    expect(() => requireAll([], done)).toThrow(TypeError)
    expect(() => requireAny([], done)).toThrow(TypeError)
  })

  test('combine guards', async () => {
    const both = requireAll([role('operator'), organization({ ids: 'acme' })], done)
    const either = requireAny([role('operator'), organization({ ids: 'acme' })], done)
    const outcome = async (wrapped: typeof both, caller: string) =>
      (await wrapped({}, context(caller))) === 'ran'
    expect(await Promise.all(['ada', 'bob', 'eve'].map((caller) => outcome(both, caller)))).toEqual(
      [true, false, false],
    )
    expect(
      await Promise.all(['ada', 'bob', 'eve', 'nobody'].map((caller) => outcome(either, caller))),
    ).toEqual([true, true, true, false])
  })
})

describe('identityOf', () => {
  test('finds the identity of both kinds of context, by reference alone', () => {
    const authInfo = makeAuthInfo(callers.get('eve')!)
    expect(identityOf({ authInfo })?.subject).toBe('eve')
    expect(identityOf({ http: { authInfo } })?.subject).toBe('eve')
    for (const other of [undefined, null, 'x', {}, { authInfo: { ...authInfo } }, { http: null }]) {
      expect(identityOf(other)).toBeUndefined()
    }
  })
})
