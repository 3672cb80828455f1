export type Headers = Readonly<Record<string, string>>

/** A JSON-RPC message to the gateway. */
export function call(tool: string, args: object = {}): object {
  return { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: tool, arguments: args } }
}

export function message(method: string, params: object = {}): object {
  return { jsonrpc: '2.0', id: 7, method, params }
}

/** The event for an MCP target, with every member that was seen in live events. */
export function mcpEvent(token: string | undefined, body: unknown, headers: Headers = {}) {
  return {
    interceptorInputVersion: '1.0',
    mcp: {
      rawGatewayRequest: { body: JSON.stringify(body) },
      gatewayRequest: {
        path: '/mcp',
        httpMethod: 'POST',
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          'mcp-protocol-version': '2025-06-18',
          'content-type': 'application/json',
          ...headers,
        },
        body,
        context: null,
      },
      gatewayResponse: null,
    },
  }
}

/** The event for an HTTP target: no raw request, and a body in base64. */
export function httpEvent(token: string | undefined, path: string, headers: Headers = {}) {
  const body = Buffer.from(JSON.stringify(call('find'))).toString('base64')
  return {
    interceptorInputVersion: '1.0',
    http: {
      gatewayRequest: {
        path,
        httpMethod: 'POST',
        headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
        body,
      },
    },
  }
}
