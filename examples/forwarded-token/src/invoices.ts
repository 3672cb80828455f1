/** Replace this with your database: the books of two organizations. */
export interface Invoice {
  readonly number: string
  readonly month: string
  readonly amount: number
}

const books = new Map<string, readonly Invoice[]>([
  [
    'acme',
    [
      { number: 'A-17', month: '2026-10', amount: 1200 },
      { number: 'A-18', month: '2026-11', amount: 450 },
    ],
  ],
  ['globex', [{ number: 'G-02', month: '2026-11', amount: 9900 }]],
])

/** Invoices of one organization. */
export function invoicesOf(organization: string, month?: string): readonly Invoice[] {
  const all = books.get(organization) ?? []
  return month === undefined ? all : all.filter((invoice) => invoice.month === month)
}
