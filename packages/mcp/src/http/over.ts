/** The same answer, which calls `over` when it has been read to its end, fails or is cancelled. */
export function untilOver(answer: Response, over: (isCancelled: boolean) => void): Response {
  const { body, status, headers } = answer
  if (body === null) {
    over(false)
    return answer
  }
  const reader = body.getReader()
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      const { done, value } = await reader.read()
      if (!done) return controller.enqueue(value)
      over(false)
      controller.close()
    } catch (error) {
      over(true)
      controller.error(error)
    }
  }
  const cancel = (reason: unknown): Promise<void> => {
    over(true)
    return reader.cancel(reason)
  }
  return new Response(new ReadableStream({ pull, cancel }), { status, headers })
}
