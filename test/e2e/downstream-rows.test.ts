import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Books, type Reader, samples } from '../../examples/downstream/src/books.ts'
import { postgresBooks } from '../../examples/downstream/src/postgres-books.ts'
import { type Database, emptyDatabase } from '../../packages/postgres/test/support/database.ts'
import { hasPostgres } from '../../packages/postgres/test/support/postgres.ts'

const reader = (id: string, subject: string): Reader => ({ subject, organization: { id } })
const [ada, gil] = [reader('acme', 'ada'), reader('globex', 'gil')]

describe.skipIf(!hasPostgres)('the rows of the example whose server calls an API', () => {
  let database: Database
  let books: Books

  beforeAll(async () => {
    database = await emptyDatabase()
    const { host, port, user, database: name } = database.pool.options
    books = await postgresBooks(`postgres://${user}@${host}:${port}/${name}`)
  }, 60_000)
  afterAll(async () => {
    await books?.end()
    await database?.drop()
  })

  const numbersOf = async (whose: Reader, number?: string): Promise<readonly string[]> => {
    const rows = await books.find(whose, number === undefined ? {} : { number })
    return rows.map((row) => row.number)
  }

  it('are those of an organization, though no query asks for it', async () => {
    expect(await numbersOf(ada)).toEqual(['A-17', 'A-18'])
    expect(await numbersOf(gil)).toEqual(['G-02'])
    expect(await numbersOf(ada, 'G-02')).toEqual([])
    expect(await numbersOf(ada, "' OR organization = 'globex")).toEqual([])
    expect(samples).toHaveLength(3)
  })

  it('stay apart where requests share connections', async () => {
    const asked = Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? ada : gil))
    const found = await Promise.all(asked.map((whose) => numbersOf(whose)))
    expect(found).toEqual(asked.map((whose) => (whose === ada ? ['A-17', 'A-18'] : ['G-02'])))
  })

  it('are written for the organization and the user of the request alone', async () => {
    await books.close(ada, '2026-10')
    const { rows } = await database.pool.query('SELECT * FROM example_books.closings')
    expect(rows).toEqual([{ organization: 'acme', month: '2026-10', closed_by: 'ada' }])
  })
})
