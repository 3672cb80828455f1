import type { RegisteredTool } from './tool-table.ts'

type OnTool = (name: string, registered: RegisteredTool, handler: unknown) => void
type Register = (name: string, ...rest: unknown[]) => RegisteredTool
type Registrar = Record<string, unknown>

/**
 * Tells of every tool that a server has or gets: from `registerTool`, and under SDK v1 from its older
 * form `tool` and from `registerToolTask`.
 */
export function watchTools(server: object, onTool: OnTool): void {
  const registrar = server as Registrar
  for (const [name, tool] of registeredBefore(server)) onTool(name, tool, tool.handler)
  watch(registrar, 'registerTool', onTool)
  watch(registrar, 'tool', onTool)
  const experimental = registrar['experimental'] as { tasks?: Registrar } | undefined
  if (experimental?.tasks) watch(experimental.tasks, 'registerToolTask', onTool)
}

function watch(registrar: Registrar, method: string, onTool: OnTool): void {
  const register = registrar[method] as Register | undefined
  if (typeof register !== 'function') return
  registrar[method] = (name: string, ...rest: unknown[]) => {
    const registered = register.call(registrar, name, ...rest)
    onTool(name, registered, rest.at(-1))
    return registered
  }
}

// No public member lists the tools of a server. Should this one go, tools that are older than the
// gate count as tools without a guard: their callers need an identity, their handlers still enforce.
function registeredBefore(server: object): [string, RegisteredTool][] {
  const { _registeredTools: tools } = server as {
    _registeredTools?: Record<string, RegisteredTool>
  }
  return Object.entries(tools ?? {})
}
