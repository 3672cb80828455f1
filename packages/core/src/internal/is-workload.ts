/** Whether a subject is a SPIFFE id: that names a workload, whatever else a token says. */
export function isWorkload(subject: unknown): boolean {
  return typeof subject === 'string' && /^spiffe:\/\//i.test(subject)
}
