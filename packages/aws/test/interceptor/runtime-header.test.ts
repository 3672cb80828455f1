import { forwardInboundToken, runtimeHeader } from '@onbehalf/aws'
import { expect, it } from 'vitest'

it('names a header that the runtime passes on, and that an interceptor may write', () => {
  const header = runtimeHeader('User-Token')
  expect(header).toBe('X-Amzn-Bedrock-AgentCore-Runtime-Custom-User-Token')
  expect(forwardInboundToken({ header }).writes).toEqual([header.toLowerCase()])
})

it.each(['', 'User Token', 'User_Token', '-User', 'x\r\ny', 'x'.repeat(256), undefined as never])(
  'refuses %j',
  (name) => {
    expect(() => runtimeHeader(name)).toThrow(new TypeError('name is not a valid header name'))
  },
)
