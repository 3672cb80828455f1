import { checkLinks } from './docs/check-links.ts'
import { checkWords } from './docs/check-words.ts'
import { compilePrograms } from './docs/compile-programs.ts'
import { composePrograms } from './docs/compose-programs.ts'
import { type Block, findPages, readPage } from './docs/markdown.ts'
import { readExamples } from './docs/read-examples.ts'

// Every block of TypeScript that a reader may copy compiles, every block of JSON parses, every
// relative link leads somewhere, and no text uses a wording that `docs/words.ts` lists.
const pages = findPages().map(readPage)
const blocks = pages.flatMap((page) => page.blocks)
const examples = readExamples()
const programs = [
  ...pages.flatMap((page) => composePrograms(page.blocks.filter(isTypeScript))),
  ...examples.flatMap((example) => composePrograms([example])),
]
const complaints = [
  ...checkLinks(pages),
  ...blocks.filter(({ language }) => language === 'json').flatMap(checkJson),
  ...compilePrograms(programs),
  ...checkWords(pages),
]

for (const complaint of complaints) console.error(complaint)
const counts = [
  `${pages.length} pages`,
  `${blocks.filter(isTypeScript).length} blocks of TypeScript`,
  `${examples.length} examples in docstrings`,
  `${pages.flatMap((page) => page.links).length} links`,
]
console.log(`docs: ${counts.join(', ')}: ${complaints.length} wrong`)
if (complaints.length > 0) process.exitCode = 1

function isTypeScript({ language }: Block): boolean {
  return language === 'ts'
}

function checkJson({ file, line, lines }: Block): string[] {
  try {
    JSON.parse(lines.join('\n'))
    return []
  } catch (error) {
    return [`${file}:${line}: ${(error as SyntaxError).message}`]
  }
}
