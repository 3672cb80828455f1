import { resolve } from 'node:path'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import {
  type LogOptions,
  type LogSettings,
  logOptionNames,
  logSettings,
  positiveNumbers,
} from '../chain/log-settings.ts'
import { type OpenFile, openSynchronized } from './open-synchronized.ts'

/** Settings of a log in files. */
export interface FileSinkOptions extends LogOptions {
  /** Holds the log and nothing else; made where it does not exist. */
  readonly directory: string
  /** Bytes after which the next file is begun. Default: 67108864. */
  readonly maxSegmentBytes?: number
  /** Seconds after which the next file is begun. Default: 86400. */
  readonly maxSegmentSeconds?: number
}

const optionNames: OptionNames<FileSinkOptions> = {
  ...logOptionNames,
  directory: true,
  maxSegmentBytes: true,
  maxSegmentSeconds: true,
}

/** Checked settings. */
export interface FileSinkSettings extends LogSettings {
  readonly directory: string
  readonly maxSegmentBytes: number
  readonly maxSegmentSeconds: number
  readonly openFile: OpenFile
}

/** @throws TypeError for options that are wrong */
export function fileSinkSettings(
  options: FileSinkOptions,
  openFile: OpenFile = openSynchronized,
): FileSinkSettings {
  assertOptions('fileSink', options, optionNames)
  const { directory } = options
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError('directory must name a directory')
  }
  const segments = positiveNumbers(options, {
    maxSegmentBytes: 67_108_864,
    maxSegmentSeconds: 86_400,
  })
  return { ...logSettings(options), ...segments, directory: resolve(directory), openFile }
}
