/** What has to be undone when the demo ends, in whichever way it does. */
export interface Cleanup {
  /** Remembers a task; once everything was undone, runs it at once. */
  add(task: () => unknown): void
  /** Runs every task, the last one first. One that fails does not keep the others from running. */
  run(): Promise<void>
}

export function createCleanup(): Cleanup {
  const tasks: (() => unknown)[] = []
  let running: Promise<void> | undefined

  async function runAll(): Promise<void> {
    for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) await attempt(task)
  }
  return {
    add: (task) => {
      if (running === undefined) tasks.push(task)
      else void attempt(task)
    },
    run: () => {
      running ??= runAll()
      return running
    },
  }
}

async function attempt(task: () => unknown): Promise<void> {
  try {
    await task()
  } catch (error) {
    console.error(`demo: while stopping: ${String(error)}`)
  }
}
