import pg from 'pg'
import { type Books, type Invoice, type Reader, samples } from './books.ts'

const role = 'example_books_reader'

// Owners and superusers are not held by policies: every request reads and writes as this role.
const setUp = `
  DO $$ BEGIN CREATE ROLE ${role} NOLOGIN; EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL; END $$;
  CREATE SCHEMA IF NOT EXISTS example_books;
  CREATE TABLE IF NOT EXISTS example_books.invoices (
    organization text NOT NULL, number text PRIMARY KEY, month text NOT NULL, amount integer NOT NULL
  );
  CREATE TABLE IF NOT EXISTS example_books.closings (
    organization text NOT NULL, month text NOT NULL, closed_by text NOT NULL,
    PRIMARY KEY (organization, month)
  );
  ALTER TABLE example_books.invoices ENABLE ROW LEVEL SECURITY;
  ALTER TABLE example_books.closings ENABLE ROW LEVEL SECURITY;
  DROP POLICY IF EXISTS own ON example_books.invoices;
  DROP POLICY IF EXISTS own ON example_books.closings;
  CREATE POLICY own ON example_books.invoices
    USING (organization = current_setting('books.organization', true));
  CREATE POLICY own ON example_books.closings
    USING (organization = current_setting('books.organization', true))
    WITH CHECK (
      organization = current_setting('books.organization', true)
      AND closed_by = current_setting('books.subject', true)
    );
  GRANT USAGE ON SCHEMA example_books TO ${role};
  GRANT SELECT ON example_books.invoices TO ${role};
  GRANT SELECT, INSERT ON example_books.closings TO ${role};
`

/** Books in Postgres, whose row-level security shows each request the rows of one organization. */
export async function postgresBooks(connectionString: string): Promise<Books> {
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 5000 })
  // A connection that waits in the pool may be lost; the next request gets another one.
  pool.on('error', () => undefined)
  await pool.query(setUp)
  for (const { organization, number, month, amount } of samples) {
    await pool.query(
      'INSERT INTO example_books.invoices VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      [organization, number, month, amount],
    )
  }
  return {
    // No condition on the organization: the policy has it.
    find: (reader, { month, number }) =>
      readAs(pool, reader, async (client) => {
        const { rows } = await client.query<Invoice>(
          `SELECT number, month, amount FROM example_books.invoices
            WHERE ($1::text IS NULL OR month = $1) AND ($2::text IS NULL OR number = $2)
            ORDER BY number`,
          [month ?? null, number ?? null],
        )
        return rows
      }),
    close: (reader, month) =>
      readAs(pool, reader, async (client) => {
        await client.query(
          `INSERT INTO example_books.closings VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
          [reader.organization.id, month, reader.subject],
        )
      }),
    end: () => pool.end(),
  }
}

/** Settings and role end with the transaction: the next request starts without them. */
async function readAs<T>(
  pool: pg.Pool,
  { subject, organization }: Reader,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query(`SET LOCAL ROLE ${role}`)
    await client.query(
      "SELECT set_config('books.organization', $1, true), set_config('books.subject', $2, true)",
      [organization.id, subject],
    )
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  } finally {
    client.release()
  }
}
