/** A way of keeping records; all but `strict` are here for comparison. */
export type KeepMode = 'strict' | 'stream' | 'interval of 100 ms' | 'batch of 5 s'
