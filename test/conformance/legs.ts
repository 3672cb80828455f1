import type { Suite } from './run-suite.ts'
import { serveV1 } from './serve-v1.ts'
import { serveV2 } from './serve-v2.ts'
import type { Serve } from './start-server.ts'

/** A server, a revision of the protocol, and a release of the suite. */
export interface Leg {
  readonly name: string
  readonly suite: Suite
  readonly serve: Serve
}

const released: Suite = { package: 'conformance', arguments: ['--suite', 'all'] }

function required(revision: string): Suite {
  return { package: 'conformance-next', arguments: ['--requirements', revision] }
}

/** Everything that is run, bare and with Onbehalf. */
export const legs: readonly Leg[] = [
  { name: 'SDK v1, 2025-11-25, suite 0.1.16', suite: released, serve: serveV1 },
  { name: 'SDK v2, 2025-11-25, suite 0.1.16', suite: released, serve: serveV2 },
  {
    name: 'SDK v1, 2025-11-25, suite 0.2.0-alpha.12',
    suite: required('2025-11-25'),
    serve: serveV1,
  },
  {
    name: 'SDK v2, 2025-11-25, suite 0.2.0-alpha.12',
    suite: required('2025-11-25'),
    serve: serveV2,
  },
  {
    name: 'SDK v2, 2026-07-28, suite 0.2.0-alpha.12',
    suite: required('2026-07-28'),
    serve: serveV2,
  },
]
