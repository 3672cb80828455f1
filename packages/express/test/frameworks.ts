import express5 from 'express'
import express4 from 'express4'

/** Both supported generations; every behaviour is tested on each. */
export const frameworks = [
  ['Express 4', express4 as unknown as typeof express5],
  ['Express 5', express5],
] as const
