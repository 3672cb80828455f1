import { once } from 'node:events'
import { onTestFinished, vi } from 'vitest'

/** The next warning to the operator: of the process, or on the console where there is no process. */
export async function nextWarning(): Promise<string> {
  const warned = new AbortController()
  const onConsole = new Promise<string>((resolve) => {
    const spy = vi.spyOn(console, 'warn').mockImplementation(resolve)
    onTestFinished(() => {
      spy.mockRestore()
      warned.abort()
    })
  })
  const ofProcess = once(process, 'warning', { signal: warned.signal }).then(([warning]: Error[]) =>
    String(warning),
  )
  ofProcess.catch(() => {})
  return Promise.race([onConsole, ofProcess])
}
