/** A way of keeping records; those that are not strict are here for comparison. */
export type KeepMode =
  | 'strict'
  | 'strict, tiny files'
  | 'stream'
  | 'interval of 100 ms'
  | 'batch of 5 s'
