import type { Transport } from '../wire/transport.ts'

const names = ['onmessage', 'onclose', 'onerror'] as const
type Name = (typeof names)[number]

/**
 * Makes the callbacks of a transport readable, which a gate has to call in place of the transport. A
 * class with setters alone keeps what the server sets to itself.
 *
 * @throws TypeError for a transport that cannot be changed
 */
export function makeReadable(transport: Transport): void {
  for (const name of names) {
    const property = propertyOf(transport, name)
    if (property?.set === undefined || property.get !== undefined) continue
    let kept: unknown
    Object.defineProperty(transport, name, {
      configurable: true,
      enumerable: true,
      get: () => kept,
      set: (callback: unknown) => {
        kept = callback
        property.set?.call(transport, callback)
      },
    })
  }
}

function propertyOf(transport: object, name: Name): PropertyDescriptor | undefined {
  for (let at: object | null = transport; at !== null; at = Object.getPrototypeOf(at)) {
    const property = Object.getOwnPropertyDescriptor(at, name)
    if (property !== undefined) return property
  }
  return undefined
}

/**
 * The callback that the server has set for messages.
 *
 * @throws TypeError where it cannot be read: nothing would reach the server
 */
export function serverCallback(transport: Transport): NonNullable<Transport['onmessage']> {
  const { onmessage } = transport
  if (typeof onmessage === 'function') return onmessage
  throw new TypeError('the transport does not return the onmessage that the server has set')
}
