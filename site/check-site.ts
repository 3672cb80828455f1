/**
 * Looks at the built site as a reader without JavaScript gets it: every link and fragment leads
 * somewhere, every page has its text in the HTML, and axe finds nothing that keeps people out.
 * Prints what a first visit loads.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { posix } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { AxeResults } from 'axe-core'
import { JSDOM, VirtualConsole } from 'jsdom'

const dist = new URL('.vitepress/dist/', import.meta.url)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8')
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' })
const pages = new Map(files.filter((it) => it.endsWith('.html') && it !== '404.html').map(readPage))
const complaints: string[] = []
for (const [path, page] of pages) {
  complaints.push(...[...linksOf(path, page), ...textOf(page)].map((it) => `${path}: ${it}`))
  // Pages of the reference are made alike: some stand for all.
  if (!path.startsWith('/reference/') || path.endsWith('/mcp')) {
    complaints.push(...(await barriersOf(page)).map((it) => `${path}: ${it}`))
  }
}
for (const complaint of complaints) console.error(complaint)
const visit = firstVisit('/')
console.log(
  `site: ${pages.size} pages, a first visit loads ${visit} kB compressed: ${complaints.length} wrong`,
)
if (complaints.length > 0 || visit > 350) process.exitCode = 1

function readPage(file: string): [string, Document] {
  const html = readFileSync(new URL(file, dist), 'utf8')
  const path = `/${file.replaceAll('\\', '/').replace(/(?:index)?\.html$/, '')}`
  const virtualConsole = new VirtualConsole()
  const { window } = new JSDOM(html, { runScripts: 'outside-only', virtualConsole })
  return [path, window.document]
}

/** Links and fragments that lead nowhere. */
function linksOf(path: string, page: Document): string[] {
  const hrefs = [...page.querySelectorAll('a[href]')].map((it) => it.getAttribute('href') ?? '')
  return [...new Set(hrefs)].flatMap((href) => {
    if (/^[a-z]+:/.test(href)) return []
    const [to = '', fragment] = href.split('#', 2)
    const target = to === '' ? path : posix.join(posix.dirname(path), to.replace(/\.html$/, ''))
    const found = pages.get(to.startsWith('/') ? to.replace(/\.html$/, '') : target)
    if (found === undefined) return files.includes(to.slice(1)) ? [] : [`${href} leads nowhere`]
    const id = decodeURIComponent(fragment ?? '')
    return id === '' || found.getElementById(id) ? [] : [`${href}: there is no such heading`]
  })
}

function textOf(page: Document): string[] {
  const main = page.querySelector('#VPContent')?.textContent ?? ''
  return [
    ...(main.trim().length > 100 ? [] : ['has no text without JavaScript']),
    ...(page.title === '' ? ['has no title'] : []),
    ...(page.querySelectorAll('h1').length === 1 ? [] : ['has not one heading of the first level']),
  ]
}

/**
 * What axe finds without colors, which need a browser, and without the switch between light and dark,
 * which gets its name with its function.
 */
async function barriersOf(page: Document): Promise<string[]> {
  const window = page.defaultView as unknown as {
    eval(script: string): unknown
    axe: { run(context: object, options: object): Promise<AxeResults> }
  }
  window.eval(axe)
  const context = { include: [page], exclude: [['.VPSwitchAppearance']] }
  const { violations } = await window.axe.run(context, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],
    rules: { 'color-contrast': { enabled: false } },
    resultTypes: ['violations'],
  })
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0]?.html.slice(0, 120)}`)
}

/** Kilobytes of a page with what it asks for at once. */
function firstVisit(path: string): number {
  const page = pages.get(path)
  const asked = [...(page?.querySelectorAll('script[src], link[href]') ?? [])]
    .filter((it) => it.matches('script, [rel=stylesheet], [rel=modulepreload], [rel=preload]'))
    .map((it) => it.getAttribute('src') ?? it.getAttribute('href') ?? '')
  const sizes = ['/index.html', ...new Set(asked)].map(
    (it) => gzipSync(readFileSync(new URL(it.slice(1), dist))).length,
  )
  return Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1000)
}
