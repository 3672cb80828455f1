import type { AuditEvent } from '@onbehalf/audit'
import type { Attributes } from '@opentelemetry/api'
import { isUnread, methods } from './methods.ts'

/** What was asked for. */
export type Operation = Pick<AuditEvent, 'method' | 'target'>

/** The value of the conventions for what is not distinguished. */
export const other = '_OTHER'

/**
 * Says what was asked for. The URI of a resource is left out: like an argument, it is what the
 * caller asks about.
 */
export function operationAttributes({ method, target }: Operation): Attributes {
  return { ...methodAttributes(method), ...targetAttributes(target) }
}

function methodAttributes(method: string): Attributes {
  // Nobody has read which method of MCP it would have been.
  if (method === 'authenticate') return {}
  if (!isUnread(method)) return { 'mcp.method.name': method }
  return { 'http.request.method': methods.has(method) ? method.slice('HTTP '.length) : other }
}

function targetAttributes(target: Operation['target']): Attributes {
  if (target?.kind === 'tool') {
    return { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': target.name }
  }
  return target?.kind === 'prompt' ? { 'gen_ai.prompt.name': target.name } : {}
}

/** Name of a span, made of names that are few. */
export function spanNameOf({ method, target }: Operation): string {
  const hasName = target !== undefined && target.kind !== 'resource' && target.name !== other
  return hasName ? `${method} ${target.name}` : method
}

/**
 * Why an operation failed, if it did, as one of few words. A call that its caller cancelled did not
 * fail.
 */
export function errorTypeOf({ type, outcome, decision }: AuditEvent): string | undefined {
  if (type === 'refusal') return reasonOf(decision)
  return outcome === 'tool_error' || outcome === 'thrown' ? outcome : undefined
}

function reasonOf({ reason, code }: AuditEvent['decision']): string {
  if (reason === undefined) return code ?? other
  // A reason of someone's own guard may be any text.
  return /^[a-z0-9_]{1,64}$/.test(reason) ? reason : other
}
