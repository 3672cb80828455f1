import { Duration } from 'aws-cdk-lib'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { type Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'

interface IdentityFunctionProps {
  readonly functionName: string
  readonly handler: string
  readonly code: Code
  readonly timeoutSeconds: number
  readonly environment: Readonly<Record<string, string>>
}

/** A function that may write its own log, and nothing else. */
export class IdentityFunction extends Construct {
  readonly function: LambdaFunction
  readonly role: Role

  constructor(scope: Construct, id: string, props: IdentityFunctionProps) {
    super(scope, id)
    const { functionName, handler, code, environment, timeoutSeconds } = props
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: RetentionDays.ONE_MONTH,
    })
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    )
    this.function = new LambdaFunction(this, 'Function', {
      functionName,
      handler,
      code,
      environment: { ...environment },
      logGroup,
      role: this.role,
      runtime: Runtime.NODEJS_22_X,
      memorySize: 512,
      timeout: Duration.seconds(timeoutSeconds),
    })
  }
}
