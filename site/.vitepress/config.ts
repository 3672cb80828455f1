import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import llmstxt from 'vitepress-plugin-llms'
import { readGuide } from './guide.ts'
import { linkToSite, toFragment } from './links.ts'
import { description, repository } from './project.ts'

const reference = new URL('../../docs/reference/typedoc-sidebar.json', import.meta.url)
const ofReference = existsSync(reference)
  ? (await import(reference.href, { with: { type: 'json' } })).default
  : []

export default defineConfig({
  title: 'Onbehalf',
  description,
  lang: 'en',
  srcDir: '../docs',
  srcExclude: ['node_modules/**'],
  cleanUrls: true,
  rewrites: { 'README.md': 'guide.md', ':folder/README.md': ':folder/index.md' },
  markdown: { config: (markdown) => linkToSite(markdown), anchor: { slugify: toFragment } },
  head: [['link', { rel: 'icon', href: '/mark.svg', type: 'image/svg+xml' }]],
  themeConfig: {
    logo: '/mark.svg',
    nav: [
      { text: 'Guide', link: '/guide' },
      { text: 'Tutorial', link: '/tutorial' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Security', link: '/security' },
    ],
    sidebar: {
      '/reference/': [{ text: 'Reference', items: ofReference }],
      '/': readGuide(),
    },
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
    editLink: { pattern: `${repository}/edit/main/docs/:path` },
    externalLinkIcon: true,
  },
  vite: {
    // Pages are outside this folder.
    resolve: { alias: [alias('vue'), alias('vue/server-renderer')] },
    // Its types may be those of another copy of vite.
    plugins: [llmstxt({ ignoreFiles: ['reference/**'] }) as never],
    // The index of the search.
    build: { chunkSizeWarningLimit: 2_000 },
  },
})

function alias(name: string): { find: RegExp; replacement: string } {
  return { find: new RegExp(`^${name}$`), replacement: fileURLToPath(import.meta.resolve(name)) }
}
