import { type AuditTrail, createAuditTrail, fileSink, localSigner } from '@onbehalf/audit'
import { optional, required } from './environment.ts'

/**
 * Where calls are recorded, if a directory for that is named. Strictly: a call that cannot be
 * recorded does not run.
 */
export async function auditTrail(): Promise<AuditTrail | undefined> {
  const directory = optional('AUDIT_DIRECTORY', '')
  if (directory === '') return undefined
  return createAuditTrail({
    mode: 'strict',
    key: Buffer.from(required('AUDIT_KEY'), 'base64'),
    server: { name: 'invoices', version: '1.0.0' },
    levels: { default: 'metadata', tools: { close_books: 'arguments' } },
    sink: fileSink({ directory, signer: await localSigner(`${directory}.pem`) }),
    onError: (error) => console.error('not recorded:', error),
  })
}
