import { spawnSync } from 'node:child_process'

/** Whether a tool of another ecosystem is on this machine; tells where it is not, and so is not run. */
export function isInstalled(command: string, versionFlag: string): boolean {
  const installed = spawnSync(command, [versionFlag]).status === 0
  if (!installed) console.warn(`skipped: ${command} is not installed`)
  return installed
}
