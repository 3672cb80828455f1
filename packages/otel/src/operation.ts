import type { AuditEvent } from '@onbehalf/audit'
import { IdentityError } from '@onbehalf/core'
import type { DenialReason } from '@onbehalf/core/guards'
import { denialTexts } from '@onbehalf/core/internal'
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
 * Why an operation failed, if it did: the code of the JSON-RPC error that answered, `tool_error` for a
 * result with `isError`, and the reason of a refusal that no message answered. A call that its caller
 * cancelled did not fail.
 */
export function errorTypeOf(event: AuditEvent): string | undefined {
  const { type, outcome, errorCode, decision } = event
  const isFailed = type === 'refusal' || outcome === 'tool_error' || outcome === 'thrown'
  if (!isFailed) return undefined
  if (errorCode !== undefined) return String(errorCode)
  return type !== 'refusal' || isToolResult(event) ? 'tool_error' : reasonOf(decision)
}

/** Whether a refusal was answered by the result of a tool, and not over HTTP. */
function isToolResult({ method, decision }: AuditEvent): boolean {
  return method === 'tools/call' && decision.code === undefined
}

/** The reason of a refusal, as one of few words. */
export function refusalReasonOf({ type, decision }: AuditEvent): string | undefined {
  return type === 'refusal' ? reasonOf(decision) : undefined
}

function reasonOf({ reason, code }: AuditEvent['decision']): string {
  if (reason === undefined) return code ?? other
  // A reason of someone's own guard may be any text.
  return /^[a-z0-9_]{1,64}$/.test(reason) ? reason : other
}

/** JSON-RPC 2.0, section 5.1. */
const errorTexts: ReadonlyMap<number | undefined, string> = new Map([
  [-32_700, 'Parse error'],
  [-32_600, 'Invalid Request'],
  [-32_601, 'Method not found'],
  [-32_602, 'Invalid params'],
  [-32_603, 'Internal error'],
])

/**
 * The text of a failure: that of a refusal, or the name of its JSON-RPC code. What a handler wrote into
 * an error may be anything, and is left out.
 */
export function errorTextOf({ type, decision, errorCode }: AuditEvent): string | undefined {
  const { code, reason = '' } = decision
  if (type !== 'refusal') return errorTexts.get(errorCode)
  if (code !== undefined) return new IdentityError(code, { reason: 'own_text' }).message
  return Object.hasOwn(denialTexts, reason) ? denialTexts[reason as DenialReason] : undefined
}
