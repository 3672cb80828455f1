import { type World, ways } from './world.ts'

/** How to call what runs, with tokens that are good for the next minutes. */
export async function describeWorld(world: World): Promise<string> {
  const { accessToken } = await world.people.signIn({
    user: 'ada',
    resource: world.resources.gateway,
  })
  const url = world.gateway.mcpUrl('forwarded')
  const message = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'whoami', arguments: {} },
  })
  return `
Everything keeps running until you press Ctrl-C.

  user tokens from    ${world.people.issuer}
  machine tokens from ${world.machines.issuer}
${ways.map((way) => `  ${way.padEnd(18)}  ${world.gateway.mcpUrl(way)}`).join('\n')}

Sign in as ada (for an hour):

  export TOKEN='${accessToken}'

Call with curl:

  curl -s ${url} -H "Authorization: Bearer $TOKEN" \\
    -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \\
    -d '${message}'

Call with the MCP Inspector:

  npx @modelcontextprotocol/inspector --cli ${url} --transport http \\
    --header "Authorization: Bearer $TOKEN" --method tools/list
  npx @modelcontextprotocol/inspector --cli ${url} --transport http \\
    --header "Authorization: Bearer $TOKEN" --method tools/call --tool-name read_ledger --tool-arg orgId=globex

See what was recorded of it:

  npx onbehalf audit follow ${world.auditDirectory}
`
}
