import type { KeyEvent, ReportKeyEvent } from './key-source.ts'

/** Reports an event. An observer must not turn a refresh around: its own failure is its own. */
export function tell(report: ReportKeyEvent, event: KeyEvent): void {
  try {
    report(event)
  } catch {
    return
  }
}
