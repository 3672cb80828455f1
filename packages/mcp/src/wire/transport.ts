import type { Message } from './json-rpc.ts'

/** What both SDK generations ask of a transport, as far as the gate touches it. */
export interface Transport {
  readonly sessionId?: string | undefined
  onmessage?: ((message: Message, extra?: MessageExtra) => void) | undefined
  onclose?: (() => void) | undefined
  onerror?: ((error: Error) => void) | undefined
  start(): Promise<void>
  send(message: Message, options?: unknown): Promise<void>
}

/** What a transport says about a message besides its content. */
export interface MessageExtra {
  readonly authInfo?: unknown
  /** SDK v1: the HTTP request. */
  readonly requestInfo?: {
    readonly headers: Readonly<Record<string, unknown>>
    readonly url?: string | URL
  }
  /** SDK v2: the HTTP request. */
  readonly request?: Request
}

/** The part of a low-level `Server` of either generation that connects to transports. */
export interface Connectable {
  readonly transport?: unknown
  onerror?: ((error: Error) => void) | undefined
  connect(transport: Transport): Promise<void>
}
