import { IdentityGateway, type IdentityGatewayProps } from '@onbehalf/aws/cdk'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { Bucket } from 'aws-cdk-lib/aws-s3'

type Mode = IdentityGatewayProps['mode']
export const modes = ['header', 'enriched-header', 'enriched'] as const

/** The construct's stack as CloudFormation would get it. */
export function synthesize(type: Mode['type'], attachTrigger = true): Template {
  const stack = new Stack(new App(), 'Test')
  const code = Code.fromInline('export const handler = 1')
  new IdentityGateway(stack, 'Identity', {
    gatewayName: 'agents',
    target: { name: 'invoices', endpoint: 'https://mcp.example.com/mcp' },
    people: { userPoolId: 'eu-west-1_Ab12Cd34E', clientIds: ['web', 'mobile'] },
    mode: toMode(type, stack, { triggerCode: code, attachTrigger }),
    interceptorCode: code,
    domainPrefix: 'agents-machines',
  })
  return Template.fromStack(stack)
}

function toMode(
  type: Mode['type'],
  stack: Stack,
  trigger: { readonly triggerCode: Code; readonly attachTrigger: boolean },
): Mode {
  if (type === 'header') return { type }
  if (type === 'enriched-header') return { type, ...trigger }
  const bucket = Bucket.fromBucketName(stack, 'Tools', 'tools')
  return { type, ...trigger, toolSchema: { bucket, key: 'tools.json' } }
}
