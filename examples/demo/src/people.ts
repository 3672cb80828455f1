import type { LocalUser } from '@onbehalf/testing'

/** Who calls. */
export const people: readonly LocalUser[] = [
  { id: 'ada', name: 'Ada', organization: { id: 'acme', name: 'Acme' }, roles: ['member'] },
  { id: 'bob', name: 'Bob', organization: { id: 'acme', name: 'Acme' }, roles: ['controller'] },
  { id: 'gil', name: 'Gil', organization: { id: 'globex', name: 'Globex' }, roles: ['controller'] },
]
