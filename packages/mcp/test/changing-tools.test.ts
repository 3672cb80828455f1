import { requireOrg, requireRole } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { type Running, runtimes, type Setup } from './support/runtimes.ts'
import type { ServerV1 } from './support/servers.ts'

const nothing = z.object({})
const month = z.object({ month: z.string() })
const reply = (text: string) => ({ content: [{ type: 'text' as const, text }] })

// Tools of both generations are registered and changed by the same words.
type Change = (server: ServerV1) => void

const january = { month: '2026-01' }
const denied = (reason: string) => ({ kind: 'denied', denial: { reason } })
const done = (text: string) => ({ kind: 'text', text })

async function withServer(
  start: (setup?: Setup) => Promise<Running>,
  setup: Setup,
  work: (running: Running) => Promise<void>,
): Promise<void> {
  const running = await start(setup)
  try {
    await work(running)
  } finally {
    await running.close()
  }
}

describe.each(runtimes)('$name', ({ start, isLasting, generation }) => {
  const moments = isLasting ? (['before', 'after'] as const) : (['before'] as const)

  describe.each(moments)('%s the server connects', (moment) => {
    const change = (apply: Change): Setup => ({ [moment]: apply as Setup['before'] })

    test('guards a tool that is added', async () => {
      const setup = change((server) => {
        const handler = requireOrg('acme', async (_args: { month: string }) => reply('added'))
        server.registerTool('added', { inputSchema: month }, handler)
        server.registerTool('added_plain', { inputSchema: month }, async () => reply('plain'))
      })
      await withServer(start, setup, async (running) => {
        const [bob, eve, nobody] = [
          await running.connect('bob'),
          await running.connect('eve'),
          await running.connect(),
        ]
        expect(await bob.call('added', january)).toEqual(done('added'))
        expect(await eve.call('added', { month: 1 })).toMatchObject(denied('org_mismatch'))
        expect(await nobody.call('added_plain', january)).toMatchObject(denied('identity_missing'))
        expect(await bob.listTools()).toEqual(expect.arrayContaining(['added', 'added_plain']))
        expect(await eve.listTools()).toContain('added_plain')
        expect(await eve.listTools()).not.toContain('added')
        expect(await nobody.listTools()).toEqual(['health'])
      })
    })

    test('forgets a tool that is removed', async () => {
      const setup = change((server) => {
        const handler = requireOrg('acme', async (_args: object) => reply('gone'))
        server.registerTool('gone', { inputSchema: nothing }, handler).remove()
      })
      await withServer(start, setup, async (running) => {
        for (const caller of ['bob', 'eve']) {
          const client = await running.connect(caller)
          const outcome = await client.call('gone')
          expect(outcome.kind).toBe(generation === 'v1' ? 'failed' : 'error')
          expect(await client.listTools()).not.toContain('gone')
        }
      })
    })

    test('guards a tool that takes the name of a removed one by its own guard', async () => {
      const setup = change((server) => {
        const first = requireOrg('acme', async (_args: object) => reply('first'))
        const second = requireRole('operator', async (_args: object) => reply('second'))
        server.registerTool('again', { inputSchema: nothing }, first).remove()
        server.registerTool('again', { inputSchema: nothing }, second)
      })
      await withServer(start, setup, async (running) => {
        const [bob, eve] = [await running.connect('bob'), await running.connect('eve')]
        expect(await eve.call('again')).toEqual(done('second'))
        expect(await bob.call('again')).toMatchObject(denied('role_missing'))
      })
    })

    test('follows a tool to its new name', async () => {
      const setup = change((server) => {
        const handler = requireOrg('acme', async (_args: { month: string }) => reply('moved'))
        server.registerTool('old', { inputSchema: month }, handler).update({ name: 'new' })
      })
      await withServer(start, setup, async (running) => {
        const [bob, eve] = [await running.connect('bob'), await running.connect('eve')]
        expect(await bob.call('new', january)).toEqual(done('moved'))
        expect(await eve.call('new', { month: 1 })).toMatchObject(denied('org_mismatch'))
        expect((await bob.call('old', january)).kind).toBe(generation === 'v1' ? 'failed' : 'error')
        expect(await bob.listTools()).toContain('new')
        expect(await eve.listTools()).not.toContain('new')
      })
    })

    test('guards every name under which a tool was renamed twice and removed', async () => {
      const setup = change((server) => {
        const handler = requireOrg('acme', async (_args: { month: string }) => reply('moved'))
        const tool = server.registerTool('first', { inputSchema: month }, handler)
        tool.update({ name: 'second' })
        tool.update({ name: 'third' })
        tool.remove()
      })
      await withServer(start, setup, async (running) => {
        const eve = await running.connect('eve')
        for (const name of ['second', 'third']) {
          expect(await eve.call(name, { month: 1 })).toMatchObject(denied('org_mismatch'))
          expect(await eve.listTools()).not.toContain(name)
        }
      })
    })

    test('decides by the guard of a callback that was exchanged', async () => {
      const setup = change((server) => {
        const loose = async (_args: { month: string }) => reply('loose')
        const strict = requireOrg('acme', async (_args: { month: string }) => reply('strict'))
        server
          .registerTool('tightened', { inputSchema: month }, loose)
          .update({ callback: strict as never })
        server
          .registerTool('loosened', { inputSchema: month }, strict)
          .update({ callback: loose as never })
      })
      await withServer(start, setup, async (running) => {
        const [bob, eve, nobody] = [
          await running.connect('bob'),
          await running.connect('eve'),
          await running.connect(),
        ]
        expect(await bob.call('tightened', january)).toEqual(done('strict'))
        expect(await eve.call('tightened', { month: 1 })).toMatchObject(denied('org_mismatch'))
        expect(await eve.call('loosened', january)).toEqual(done('loose'))
        expect(await nobody.call('loosened', january)).toMatchObject(denied('identity_missing'))
        expect(await eve.listTools()).toContain('loosened')
        expect(await eve.listTools()).not.toContain('tightened')
      })
    })

    test('hides a disabled tool and answers it as the SDK does', async () => {
      const setup = change((server) => {
        const handler = requireOrg('acme', async (_args: object) => reply('off'))
        server.registerTool('off', { inputSchema: nothing }, handler).disable()
      })
      await withServer(start, setup, async (running) => {
        const [bob, eve] = [await running.connect('bob'), await running.connect('eve')]
        const unknown = generation === 'v1' ? 'failed' : 'error'
        expect((await bob.call('off')).kind).toBe(unknown)
        expect((await eve.call('off')).kind).toBe(unknown)
        expect(await bob.listTools()).not.toContain('off')
      })
    })

    test.runIf(generation === 'v1')('guards tools of the older form', async () => {
      const setup = change((server) => {
        const guarded = requireOrg('acme', async (_args: { month: string }) => reply('older'))
        server.tool('older', { month: z.string() }, guarded)
        server.tool('older_plain', async () => reply('plain'))
      })
      await withServer(start, setup, async (running) => {
        const [bob, eve, nobody] = [
          await running.connect('bob'),
          await running.connect('eve'),
          await running.connect(),
        ]
        expect(await bob.call('older', january)).toEqual(done('older'))
        expect(await eve.call('older', { month: 1 })).toMatchObject(denied('org_mismatch'))
        expect(await nobody.call('older_plain')).toMatchObject(denied('identity_missing'))
        expect(await eve.listTools()).not.toContain('older')
      })
    })
  })
})
