/**
 * Puts a method in the place of one that others look for on an object that belongs to them.
 *
 * @throws TypeError when the object has no such method
 */
export function exchange<T extends object, K extends keyof T>(
  object: T,
  name: K,
  make: (method: T[K]) => T[K],
): void {
  if (typeof object[name] !== 'function') throw new TypeError(`${String(name)} is not a method`)
  object[name] = make(object[name])
}
