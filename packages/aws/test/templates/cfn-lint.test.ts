import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { templateFile } from './cloudformation-template.ts'
import { isInstalled } from './is-installed.ts'
import { synthesize } from './synthesize.ts'

// The linter starts slowly, so it gets all files at once.
const timeout = 240_000

describe.skipIf(!isInstalled('cfn-lint', '--version'))('cfn-lint', () => {
  it(
    'has nothing to say about the template',
    () => {
      expect(lint([fileURLToPath(templateFile)])).toEqual([])
    },
    timeout,
  )

  it(
    'finds no error in what the construct makes',
    () => {
      // Without `enriched`: version 1.51 does not know McpToolSchema, which CloudFormation has.
      const modes = ['header', 'enriched-header'] as const
      const files = modes.map((mode) => [`${mode}.json`, JSON.stringify(synthesize(mode).toJSON())])
      expect(lint(write(Object.fromEntries(files)), '--ignore-checks', 'W')).toEqual([])
    },
    timeout,
  )

  it(
    'finds mistakes',
    () => {
      const text = readFileSync(templateFile, 'utf8')
        .replace('!GetAtt Gateway.GatewayIdentifier', '!GetAtt Gateway.Name')
        .replace('PassRequestHeaders: true', 'PassHeaders: true')
        .replace('UserPoolTier: ESSENTIALS', 'UserPoolTier: FREE')
      const found = lint(write({ 'template.yaml': text })).join('\n')
      expect(found).toContain("'PassHeaders' was unexpected")
      expect(found).toContain("'PassRequestHeaders' is a required property")
      expect(found).toContain("'FREE' is not one of")
      expect(found).toContain("'Name' is not one of")
    },
    timeout,
  )
})

function lint(files: readonly string[], ...options: readonly string[]): readonly string[] {
  const fixed = ['--regions', 'eu-west-1', '--format', 'parseable']
  const { stdout, stderr } = spawnSync('cfn-lint', [...fixed, ...options, '--', ...files], {
    encoding: 'utf8',
  })
  return `${stdout}${stderr}`.split('\n').filter((line) => line !== '')
}

function write(files: Readonly<Record<string, string>>): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'onbehalf-lint-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return Object.entries(files).map(([name, text]) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  })
}
