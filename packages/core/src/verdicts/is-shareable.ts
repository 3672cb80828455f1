import { isNotedFrozen } from '../internal/values.ts'

// As deep as claims may be; a schema may have made a circle.
const maxDepth = 32

/**
 * Whether freezing makes a value safe to share between requests: text, numbers and plain objects and
 * lists of them. A schema may make a date, a map or bytes of a claim, which stay changeable.
 */
export function isShareable(value: unknown, depth = 0): boolean {
  if (typeof value === 'function' || depth > maxDepth) return false
  if (typeof value !== 'object' || value === null || isNotedFrozen(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === null || prototype === Object.prototype || Array.isArray(value)
  return (
    isPlain &&
    Object.values(Object.getOwnPropertyDescriptors(value)).every(
      (member) => 'value' in member && isShareable(member.value, depth + 1),
    )
  )
}
