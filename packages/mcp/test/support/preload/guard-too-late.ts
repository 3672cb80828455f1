/** Loads an SDK itself, before the servers of this process are guarded. */
import '@modelcontextprotocol/sdk/server/mcp.js'
import './guard.ts'
