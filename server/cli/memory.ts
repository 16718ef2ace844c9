// How much memory the engine may take, from options and environment. One number is enough: what each
// room takes is derived from it (engine/memory-share.ts), and may be set for itself.

import type { OpenOptions } from '../../engine/database.ts'
import { wholeNumber, type Given } from './flags.ts'
import { UsageError, type Terminal } from './terminal.ts'

export const MEMORY_FLAGS = {
  memory: { value: 'MB', help: 'memory of the engine, 16 to 2048 (OMENDB_MEMORY, default 1024)' },
  cache: { value: 'MB', help: 'of it, for blocks of segments (default an eighth)' },
  memtable: { value: 'MB', help: 'of it, for new rows, twice and a half over (default a 16th)' },
  staging: { value: 'MB', help: 'of it, for uploads under way (default a 16th)' },
  'query-memory': { value: 'MB', help: 'what one query may hold (default a quarter)' },
  'max-queries': { value: 'N', help: 'queries that run at once, more wait (default 64)' },
  'max-series': { value: 'N', help: 'series that one database may have (default 1000000)' },
} as const

const MIB = 1 << 20
/** As the engine's own bounds are, here in the words of the option. */
const MEMORY_MB_MIN = 16
const MEMORY_MB_MAX = 2048
const COUNT_MAX = 100_000_000

/** The engine's options. Throws a UsageError for what is no number of the range. */
export function readMemory(
  flags: Given<typeof MEMORY_FLAGS>,
  { env }: Pick<Terminal, 'env'>,
): OpenOptions {
  const megabytes = (name: keyof typeof MEMORY_FLAGS, text = flags[name]): number | null =>
    text === undefined
      ? null
      : atLeast(name === 'memory' ? MEMORY_MB_MIN : 1, text, `--${name}`, MEMORY_MB_MAX) * MIB
  const count = (name: keyof typeof MEMORY_FLAGS): number | null =>
    flags[name] === undefined ? null : atLeast(1, flags[name], `--${name}`, COUNT_MAX)
  const memoryBytes = megabytes('memory', flags.memory ?? (env['OMENDB_MEMORY'] || undefined))
  const memtable = megabytes('memtable')
  return {
    ...given('memoryBytes', memoryBytes),
    ...given('cacheBytes', megabytes('cache')),
    ...given('stagingBytes', megabytes('staging')),
    ...given('memtableRowBytes', memtable),
    ...given('memtableArenaBytes', memtable === null ? null : memtable / 2),
    ...given('logBytes', memtable),
    ...given('queriesMax', count('max-queries')),
    ...given('seriesMax', count('max-series')),
    limits: given('queryBytes', megabytes('query-memory')),
  }
}

function given<Name extends string>(name: Name, value: number | null): { [N in Name]?: number } {
  return (value === null ? {} : { [name]: value }) as { [N in Name]?: number }
}

function atLeast(min: number, text: string, name: string, max: number): number {
  const number = wholeNumber(text, name, max)
  if (number >= min) return number
  throw new UsageError(`${name} ${number}: at least ${min} is needed`)
}
