import type { Identity } from '@onbehalf/core'

/** Whose rows are read and written: an organization, and the user behind the call. */
export type Reader = Pick<Identity, 'subject'> & {
  readonly organization: { readonly id: string }
}

export interface Invoice {
  readonly number: string
  readonly month: string
  readonly amount: number
}

interface InvoiceFilter {
  readonly month?: string
  readonly number?: string
}

/** The books of all organizations. */
export interface Books {
  /** What `reader` may see of them, whatever the filter asks for. */
  find(reader: Reader, filter: InvoiceFilter): Promise<readonly Invoice[]>
  close(reader: Reader, month: string): Promise<void>
  end(): Promise<void>
}

/** The first rows of a database, or all of them where there is none. */
export const samples: readonly (Invoice & { readonly organization: string })[] = [
  { organization: 'acme', number: 'A-17', month: '2026-10', amount: 1200 },
  { organization: 'acme', number: 'A-18', month: '2026-11', amount: 450 },
  { organization: 'globex', number: 'G-02', month: '2026-11', amount: 9900 },
]

/** Without a database: this program looks for the rows of an organization itself. */
export function memoryBooks(): Books {
  return {
    find: async ({ organization }, { month, number }) =>
      samples
        .filter((row) => row.organization === organization.id)
        .filter((row) => month === undefined || row.month === month)
        .filter((row) => number === undefined || row.number === number)
        .map((row) => {
          const { organization: _organization, ...invoice } = row
          return invoice
        }),
    close: async () => {},
    end: async () => {},
  }
}
