/** What is read of the second argument that AWS Lambda calls a handler with. */
export interface LambdaContext {
  readonly awsRequestId?: string
}

/** Part of an event that names the request it is about. */
export interface Named {
  /** Id of the Lambda invocation, as in the function's log and, for stopped requests, in the answer. */
  readonly requestId?: string
}

export function requestIdOf(context: LambdaContext | undefined): Named {
  const requestId: unknown = context?.awsRequestId
  return typeof requestId === 'string' ? { requestId } : {}
}
