/** One server: `server.ts v1|v2 SUBJECT FIXTURE DIRECTORY`. Says its port, and what it took so far when asked. */
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import type { Fixture } from '../tokens/fixture.ts'
import { type CallSubject, createSubject, type Generation } from './subjects.ts'

const [generation, subject, file = '', directory = '.'] = process.argv.slice(2)
const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture
const server = await createSubject(
  generation as Generation,
  subject as CallSubject,
  fixture,
  directory,
)
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
