import { readFileSync } from 'node:fs'

/** For programs that only compile, and for those that test/frameworks runs. */
const isOfNoPageHere =
  /^(?:aws-cdk|@nestjs\/|@rekog\/|fastmcp$|mcp-framework$|reflect-metadata$|rxjs$|xmcp$)/

/** What pages use besides our packages, as `docs/package.json` asks for it. */
export function packagesOfPages(): readonly string[] {
  const { devDependencies } = JSON.parse(readFileSync('docs/package.json', 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const catalog = readFileSync('pnpm-workspace.yaml', 'utf8')
  const versions = Object.entries({ ...devDependencies, tsx: 'catalog:' }).filter(
    ([name, range]) => !range.startsWith('workspace:') && !isOfNoPageHere.test(name),
  )
  return versions.map(
    ([name, range]) => `${name}@${range === 'catalog:' ? find(catalog, name) : range}`,
  )
}

function find(catalog: string, name: string): string {
  const entry = new RegExp(`^  ['"]?${name}['"]?: (.*)$`, 'm').exec(catalog)
  if (!entry?.[1]) throw new Error(`the catalog does not have ${name}`)
  return entry[1]
}
