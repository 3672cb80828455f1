import { type PreTokenTrigger, preTokenTrigger } from '@onbehalf/aws'
import { list, optional } from './environment.ts'
import { peopleIssuer } from './people.ts'

const people = peopleIssuer()

/** Pre token generation trigger, version `V3_0`, of the user pool for machine tokens. */
export const handler: PreTokenTrigger = preTokenTrigger({
  vouchers: Object.fromEntries(list('VOUCHING_CLIENTS').map((client) => [client, people])),
  // `machine-only` lets the gateway list tools for itself.
  withoutUser: optional('WITHOUT_USER', 'machine-only') as 'refuse' | 'machine-only',
  onEvent: (event) => console.log(JSON.stringify(event)),
})

// While the function starts: the five seconds of an event are not spent on keys.
await handler.ready()
