import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { Link, Page } from './markdown.ts'

/** One line for each relative link that leads nowhere. External addresses are not asked. */
export function checkLinks(pages: readonly Page[]): string[] {
  const anchors = new Map(pages.map((page) => [normalize(page.file), page.anchors]))
  return pages.flatMap(({ links }) => links.flatMap((link) => complain(link, anchors)))
}

function complain(link: Link, anchors: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const { file, line, target } = link
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return []
  const [path = '', fragment] = target.split('#', 2)
  const place = path === '' ? normalize(file) : normalize(join(dirname(file), path))
  if (!existsSync(place)) return [`${file}:${line}: ${target} does not exist`]
  if (fragment === undefined || anchors.get(place)?.has(fragment)) return []
  return [`${file}:${line}: ${target}: there is no such heading`]
}
