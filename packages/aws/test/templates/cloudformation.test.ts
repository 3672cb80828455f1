import { describe, expect, it } from 'vitest'
import { checkResource } from './check-resource.ts'
import { type ConditionalResource, readTemplate } from './cloudformation-template.ts'

const { Resources } = readTemplate()

describe('the template of CloudFormation', () => {
  it.each(Object.entries(Resources))(
    'has no member in %s that does not exist',
    async (_name, it) => {
      expect(await checkResource(it)).toEqual([])
    },
  )

  it('is compared by something that finds mistakes', async () => {
    const { Gateway } = Resources
    const wrong = {
      ...Gateway?.Properties,
      RoleArn: undefined,
      Interceptors: [],
      ProtocolType: 'x',
    }
    const { RoleArn: _none, ...Properties } = wrong
    expect(await checkResource({ Type: 'AWS::BedrockAgentCore::Gateway', Properties })).toEqual([
      'AWS::BedrockAgentCore::Gateway.RoleArn is missing',
      'AWS::BedrockAgentCore::Gateway.ProtocolType must not be x',
      'AWS::BedrockAgentCore::Gateway.Interceptors is unknown',
    ])
    const lambda = { Type: 'AWS::Lambda::Function', Properties: { Timeout: '5' } }
    expect(await checkResource(lambda)).toContain('AWS::Lambda::Function.Timeout must be a number')
  })

  it('has the trigger of version V3_0, on a plan that has it', () => {
    expect(JSON.stringify(Resources['Machines'])).toContain('"LambdaVersion":"V3_0"')
    expect(Resources['Machines']?.Properties['UserPoolTier']).toBe('ESSENTIALS')
  })

  it('hands the headers to the interceptor, and only for requests', () => {
    expect(Resources['Gateway']?.Properties['InterceptorConfigurations']).toMatchObject([
      { InterceptionPoints: ['REQUEST'], InputConfiguration: { PassRequestHeaders: true } },
    ])
  })

  it('gives a credential to the target that has a header, and none to the other', () => {
    const { HeaderTarget, EnrichedTarget } = Resources
    expect(HeaderTarget).toMatchObject({
      Condition: 'HasOwnToken',
      Properties: {
        CredentialProviderConfigurations: [{ CredentialProviderType: 'OAUTH' }],
        MetadataConfiguration: { AllowedRequestHeaders: [{ Ref: 'UserTokenHeader' }] },
      },
    })
    expect(EnrichedTarget?.Condition).toBe('HasNoToken')
    expect(EnrichedTarget?.Properties).not.toHaveProperty('CredentialProviderConfigurations')
    expect(EnrichedTarget?.Properties).not.toHaveProperty('MetadataConfiguration')
  })

  it('allows no action on everything, and no action of every name', () => {
    const statements = Object.values(Resources).flatMap(statementsOf)
    expect(statements.length).toBeGreaterThan(6)
    for (const { Action, Resource } of statements) {
      expect([Action].flat().filter((action) => action.includes('*'))).toEqual([])
      expect([Resource].flat()).not.toContain('*')
    }
  })

  it('reaches no resource of a stack whose name begins with its own', () => {
    const text = JSON.stringify(Object.values(Resources).flatMap(statementsOf))
    const named = [...text.matchAll(/[\w-]+\/\$\{(?:AWS::StackName|Gateway\.[^"]*?)\}[^"]*/g)].map(
      ([name]) => name.replaceAll('$', '').replace('{AWS::StackName}', 'agents'),
    )
    expect(named).toContain('oauth2/agents-machines-??????')
    expect(named).toContain('workload-identity/{Gateway.GatewayIdentifier}')
    expect(text).not.toContain('*')
    const [pattern = ''] = named.filter((name) => name.startsWith('oauth2/'))
    const matches = new RegExp(`^${pattern.replaceAll('?', '.')}$`)
    expect('oauth2/agents-machines-a1B2c3').toMatch(matches)
    for (const other of ['agents-machines-2', 'agents-prod', 'agents-machines']) {
      expect(`oauth2/${other}-machines-a1B2c3`).not.toMatch(matches)
    }
  })

  it('lets Cognito alone call the trigger, for its own user pool', () => {
    expect(Resources['TriggerPermission']?.Properties).toMatchObject({
      Principal: 'cognito-idp.amazonaws.com',
      SourceArn: { 'Fn::GetAtt': 'Machines.Arn' },
    })
  })
})

interface Statement {
  readonly Action: string | readonly string[]
  readonly Resource: unknown
}

function statementsOf({ Properties }: ConditionalResource): readonly Statement[] {
  const documents = [Properties['PolicyDocument'], ...policiesIn(Properties['Policies'])]
  return documents.flatMap((it) => (it as { Statement?: Statement[] } | undefined)?.Statement ?? [])
}

function policiesIn(policies: unknown): readonly unknown[] {
  const listed = (policies ?? []) as Record<string, unknown>[]
  const flat = listed.flatMap((it) => ('Fn::If' in it ? (it['Fn::If'] as object[]) : [it]))
  return flat.map((it) => (it as Record<string, unknown>)['PolicyDocument'])
}
