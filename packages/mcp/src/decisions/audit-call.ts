import type { AuditOutcome, AuditRefusal, AuditResult, AuditTarget } from '@onbehalf/core'
import type { Item } from '../items/item-table.ts'
import type { Target } from '../items/target.ts'
import type { Protection } from '../protection.ts'
import { isRecord, type Message, paramsOf, type Request } from '../wire/json-rpc.ts'
import type { MessageExtra } from '../wire/transport.ts'
import type { TargetedRequest } from './decide-request.ts'
import { jsonSchemaOf } from './json-schema.ts'

/** What an audit trail records of a request, and of its refusal if it is refused. */
export function toAuditCall(
  { rules }: Protection,
  open: TargetedRequest,
  refused?: Pick<AuditRefusal, 'guard' | 'reason' | 'error'>,
): AuditRefusal {
  const { request, identity, extra, target } = open
  const policy = rules.policyFor(target)
  return {
    identity,
    method: request.method,
    target: toAuditTarget(target),
    arguments: argumentsOf(request),
    get argumentsSchema() {
      return jsonSchemaOf(parametersOf(target.item), 'input')
    },
    guard: policy === 'public' ? 'public' : (policy?.name ?? 'identity'),
    traceparent: traceparentOf(request, extra),
    ...refused,
  }
}

/** How a call ended, by its answer and by whether its handler is known to have thrown. */
export function toAuditResult(
  { target, hasThrown }: TargetedRequest,
  answer: Message,
): AuditResult {
  return {
    outcome: outcomeOf(answer, hasThrown === true),
    value: answer.result ?? answer.error,
    // A trail reads it only where it records values.
    get schema() {
      const structuredContent = jsonSchemaOf(target.item?.registered.outputSchema, 'output')
      return structuredContent && { properties: { structuredContent } }
    },
  }
}

function outcomeOf({ error, result }: Message, isThrown: boolean): AuditOutcome {
  if (error !== undefined || isThrown) return 'thrown'
  return isRecord(result) && result['isError'] === true ? 'tool_error' : 'ok'
}

function toAuditTarget({ kind, name }: Target): AuditTarget | undefined {
  return kind === 'method' || typeof name !== 'string' ? undefined : { kind, name }
}

/** What the caller asks with: of a method without items, all of its parameters. */
function argumentsOf(request: Request): unknown {
  const { arguments: given, name: _, uri: __, _meta: ___, ...others } = paramsOf(request)
  return given ?? others
}

function parametersOf(item: Item | undefined): unknown {
  const { inputSchema, argsSchema } = item?.registered ?? {}
  return inputSchema ?? argsSchema
}

/** As the message says, or else its HTTP request. */
function traceparentOf(request: Request, extra: MessageExtra | undefined): string | undefined {
  const { _meta: meta } = paramsOf(request)
  const { traceparent } = isRecord(meta) ? meta : {}
  // SDK v1 hands on a record of headers, SDK v2 the request.
  const sent = traceparent ?? extra?.requestInfo?.headers['traceparent']
  const header = sent ?? extra?.request?.headers.get('traceparent')
  return typeof header === 'string' ? header : undefined
}
