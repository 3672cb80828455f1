import { posix } from 'node:path'
import type { MarkdownOptions } from 'vitepress'
import { repository } from './project.ts'

type Markdown = Parameters<NonNullable<MarkdownOptions['config']>>[0]

/**
 * Lets links of pages, which lead to files as on GitHub, lead to the same text on the site: what is
 * outside the folder of the guide stays on GitHub.
 */
export function linkToSite(markdown: Markdown): void {
  markdown.core.ruler.push('link_to_site', ({ tokens, env }) => {
    const page = String(env.relativePath ?? '')
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.attrGet('href')
      if (token.type === 'link_open' && href !== null) token.attrSet('href', toSite(href, page))
    }
  })
}

/** Where a link of a page leads on the site. Both are paths below the folder of the guide. */
export function toSite(href: string, page: string): string {
  if (/^(?:[a-z][a-z0-9+.-]*:|#|\/)/i.test(href)) return href
  const [path = '', ...fragment] = href.split(/(?=#)/)
  const place = posix.join(posix.dirname(page), path)
  if (place.startsWith('..') || !place.endsWith('.md')) {
    return `${repository}/blob/main/${posix.join('docs', place)}${fragment.join('')}`
  }
  if (place === 'README.md') return `/guide${fragment.join('')}`
  return `/${place.replace(/README\.md$/, 'index.md')}${fragment.join('')}`
}

/** The fragment of a heading, as GitHub makes it. */
export function toFragment(heading: string): string {
  const kept = heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\s-]/gu, '')
  return kept.replaceAll(/\s/g, '-')
}
