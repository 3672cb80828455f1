import { randomBytes } from 'node:crypto'
import { type ChainState, emptyChain, HeadWriter } from '@onbehalf/audit/internal'
import type { Connection } from './connection.ts'
import type { PostgresSinkSettings } from './sink-settings.ts'
import { insertHead } from './statements.ts'

/** The chain that one sink writes, and nobody else ever. */
export class OpenChain {
  readonly state: ChainState = emptyChain(randomBytes(8).toString('hex'))
  readonly heads: HeadWriter
  #opening: Promise<void> | undefined

  constructor(settings: PostgresSinkSettings, connection: Connection) {
    this.heads = new HeadWriter(settings, this.state, async (head) => {
      try {
        await insertHead(connection, head, performance.now() + settings.timeoutSeconds * 1000)
      } catch (error) {
        this.#opening = undefined
        throw error
      }
    })
  }

  /**
   * Waits for the head of the empty chain, so that all that follows it is covered sooner or later. A
   * signer that fails is not waited for again.
   */
  open(): Promise<void> {
    this.#opening ??= this.heads.finish()
    return this.#opening
  }
}
