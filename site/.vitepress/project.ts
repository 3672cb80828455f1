export const repository = 'https://github.com/onbehalf-dev/onbehalf'

export const description =
  'A TypeScript SDK that tells an MCP server on whose behalf each call runs'
