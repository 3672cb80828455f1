import type { CallToolResult } from '@modelcontextprotocol/client'

/** How a call ended. */
export interface Outcome {
  /** `allowed`, the reason of a refused tool, or status, code and reason of a refused request. */
  readonly verdict: string
  /** What the tool answered. */
  readonly answer: string
}

const denialKey = 'dev.onbehalf/denial'

/** Reads the verdict off a tool's result. */
export function toOutcome(result: CallToolResult): Outcome {
  const [first] = result.content
  const answer = first?.type === 'text' ? first.text : ''
  if (result.isError !== true) return { verdict: 'allowed', answer }
  const denial = result._meta?.[denialKey] as { reason?: string } | undefined
  return { verdict: denial?.reason ?? `error: ${answer}`, answer }
}
