import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The files of TypeScript in a folder of each package or example: `filesOf('packages', 'src')`. What is
 * installed beside them links back to them, so that a walk through all would not end.
 */
export function filesOf(group: 'packages' | 'examples', folder: 'src' | 'test'): string[] {
  const roots = readdirSync(group).map((name) => join(group, name, folder))
  return roots.filter((root) => existsSync(root)).flatMap(filesBelow)
}

/** The files of TypeScript below a folder. */
export function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(root, path))
}
