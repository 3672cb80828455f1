import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EnrichedHeaderMode, EnrichedMode } from '@onbehalf/aws/cdk'
import type { Stack as CdkStack } from 'aws-cdk-lib'
import { Template as CdkTemplate } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { readTemplate, type Template } from '../templates/cloudformation-template.ts'
import { type Deployment, toDeployment } from './deployment.ts'
import { accept, curl, fromCloudFormation, type Mode, modes } from './first-call.ts'
import { type Bundles, buildFunctions } from './functions.ts'
import { CLIENT_ID, issuerOf, MACHINE_POOL } from './names.ts'
import { blocksOf, blockWith, runBlock } from './page.ts'
import { parseFiles, resolveModule } from './resolve-module.ts'
import { resolveTemplate } from './resolve-template.ts'
import { runDeployment, type Stack } from './run-deployment.ts'

// Every step of the set-up pages, as far as it does not need an account: what a template creates is read
// from the template itself, and deployed to this machine.

/** The page of the CDK, with the mode of its second block. */
async function fromCdk(mode: Mode): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), 'onbehalf-cdk-'))
  const before = process.cwd()
  mkdirSync(join(folder, 'dist'))
  for (const name of ['request-interceptor', 'pre-token-trigger']) {
    writeFileSync(join(folder, 'dist', `${name}.zip`), '')
  }
  process.chdir(folder)
  try {
    return await synthesize(mode)
  } finally {
    process.chdir(before)
    rmSync(folder, { recursive: true })
  }
}

async function synthesize(mode: Mode): Promise<Deployment> {
  const others = await runBlock(blockWith('cdk', 'ts', 'triggerCode'))
  const program = blockWith('cdk', 'ts', 'new IdentityGateway').replace(
    "mode: { type: 'header' }",
    'mode: modeOf(stack)',
  )
  const modeOf = (stack: CdkStack) =>
    ({
      header: { type: 'header' },
      'enriched-header': others['besideTheGatewaysOwn'] as EnrichedHeaderMode,
      enriched: (others['inAuthorization'] as (stack: CdkStack) => EnrichedMode)(stack),
    })[mode]
  const { stack } = await runBlock(program, { modeOf })
  const template = CdkTemplate.fromStack(stack as CdkStack).toJSON() as Template
  return toDeployment(resolveTemplate(template))
}

/** The page of Terraform, with the variables of its block. */
async function fromTerraform(mode: Mode): Promise<Deployment> {
  const text = blockWith('terraform', 'hcl', 'module "agents"')
  const { module: called } = (await parseFiles({ 'page.tf': text })) as unknown as {
    module: { agents: readonly Readonly<Record<string, unknown>>[] }
  }
  const read = (name: string): string =>
    readFileSync(new URL(`../../templates/terraform/${name}`, import.meta.url), 'utf8')
  const names = ['main.tf', 'variables.tf']
  const files = await parseFiles(Object.fromEntries(names.map((name) => [name, read(name)])))
  return toDeployment(
    resolveModule(files, { ...called.agents[0], mode, tool_schema_bucket: 'my-schemas' }),
  )
}

let bundles: Bundles
beforeAll(async () => {
  bundles = await buildFunctions()
})
afterAll(() => {
  bundles.close()
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})

const sources = { cloudformation: fromCloudFormation, cdk: fromCdk, terraform: fromTerraform }

describe.each(Object.entries(sources))('the page %s', (_page, create) => {
  describe.each(modes)('in mode %s', (mode) => {
    let deployment: Deployment
    let stack: Stack
    beforeAll(async () => {
      deployment = await create(mode)
      stack = await runDeployment(deployment, bundles, (app, handle) => accept(mode, app, handle))
    }, 60_000)
    afterAll(() => stack?.close())

    it('makes what the server’s code names', () => {
      expect(deployment.outputs).toMatchObject({
        MachineIssuer: issuerOf(MACHINE_POOL),
        GatewayClientId: CLIENT_ID,
      })
      expect(deployment.pool.client).toMatchObject({
        AllowedOAuthFlows: ['client_credentials'],
        scopes: deployment.pool.scopes,
        AccessTokenValidity: 15,
      })
      expect(deployment.target.endpoint).toBe('https://mcp.example.com/mcp')
      expect(deployment.target.toolSchema !== undefined).toBe(mode === 'enriched')
      expect(deployment.trigger !== undefined).toBe(mode !== 'header')
    })

    it('leads to the first guarded call, and holds', async () => {
      const token = await stack.cognito.signIn('ada')
      const person = { subject: 'ada', organization: 'acme' }
      expect(await curl(stack, token)).toMatchObject(person)
      expect(await curl(stack, token, { header: 'x-user-token: anything' })).toMatchObject(person)
      const bob = await stack.cognito.signIn('bob')
      expect(await curl(stack, token, { header: `x-user-token: ${bob}` })).toMatchObject(person)
      expect(stack.log).toContain('{"type":"passed","target":"invoices"}')
      expect(stack.log.join('\n')).not.toContain(token.split('.')[1])
    })

    it('lets nobody in without a person’s token, or past the gateway', async () => {
      expect(await curl(stack, undefined)).toMatchObject({ error: { code: 31_401 } })
      const url = stack.serverUrl
      const token = await stack.cognito.signIn('ada')
      expect(await curl(stack, token, { url })).toMatchObject({ error: 'invalid_token' })
      expect(stack.log.at(-1)).toContain('"reason":"issuer_unknown"')
      const machine = await stack.cognito.machineToken()
      const header = `x-user-token: ${machine}`
      expect(JSON.stringify(await curl(stack, machine, { url, header }))).not.toContain('subject')
    })

    it.skipIf(mode === 'enriched')('lets the gateway list tools by itself', async () => {
      const tools = await stack.gateway.listTools('invoices')
      expect(tools.map(({ name }) => name)).toEqual(['whoami'])
    })
  })
})

describe('the page of CloudFormation', () => {
  it('uploads what the template looks for', () => {
    const [build = ''] = blocksOf('cloudformation', 'sh')
    const { Parameters } = readTemplate()
    const keys = ['TriggerCodeKey', 'InterceptorCodeKey'].map((name) => Parameters?.[name]?.Default)
    expect([...build.matchAll(/^aws s3 cp (\S+)/gm)].map(([, name]) => name)).toEqual(keys)
    // The handlers `pre-token-trigger.handler` and `request-interceptor.handler` are these modules.
    const zipped = [...build.matchAll(/^zip (\S+)\.zip (\S+)\.mjs$/gm)]
    expect(zipped.map(([, archive, module]) => [archive, module])).toEqual([
      ['pre-token-trigger', 'pre-token-trigger'],
      ['request-interceptor', 'request-interceptor'],
    ])
  })

  it('can be deployed without the trigger first: then no person gets into a token', async () => {
    const deployment = fromCloudFormation('enriched-header', { AttachTrigger: 'false' })
    const stack = await runDeployment(deployment, bundles, (app, handle) =>
      accept('enriched-header', app, handle),
    )
    onTestFinished(() => stack.close())
    const answer = JSON.stringify(await curl(stack, await stack.cognito.signIn('ada')))
    expect(answer).not.toContain('subject')
    expect(stack.log.at(-1)).toContain('"reason":"obo_missing"')
  })
})
