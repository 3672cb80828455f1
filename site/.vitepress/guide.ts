import { readFileSync } from 'node:fs'
import type { DefaultTheme } from 'vitepress'

const link = /\[([^\]]+)\]\(([^)#\s]+\.md)\)/g

/** The list of pages beside each page: what the guide's own page lists, under its headings. */
export function readGuide(): DefaultTheme.SidebarItem[] {
  const text = readFileSync(new URL('../../docs/README.md', import.meta.url), 'utf8')
  const [, ...sections] = text.split(/^## /m)
  return sections.map((section) => ({
    text: section.slice(0, section.indexOf('\n')),
    items: [...section.matchAll(link)].filter(isOfGuide).map(toItem),
  }))
}

function isOfGuide([, , path = '']: RegExpMatchArray): boolean {
  return !path.startsWith('..')
}

function toItem([, text = '', path = '']: RegExpMatchArray): DefaultTheme.SidebarItem {
  // Names of products stay as they are.
  const name = text.includes(' ') ? text.charAt(0).toUpperCase() + text.slice(1) : text
  return { text: name, link: `/${path.replace(/(?:README)?\.md$/, '')}` }
}
