// How much memory the engine may take, and how much one query may do, from options and environment. One
// number is enough: what each room takes is derived from it (engine/memory-share.ts), and may be set for
// itself.

import type { OpenOptions } from '../../engine/database.ts'
import { wholeNumber, type Given } from './flags.ts'
import { UsageError } from './terminal.ts'

export const MEMORY_FLAGS = {
  memory: { value: 'MB', env: 'OMENDB_MEMORY', help: 'of the engine, 16 to 2048 (1024)' },
  cache: { value: 'MB', env: 'OMENDB_CACHE', help: 'of it, for blocks of segments (an eighth)' },
  memtable: {
    value: 'MB',
    env: 'OMENDB_MEMTABLE',
    help: 'of it, for new rows, 2.5 times (a 16th)',
  },
  staging: { value: 'MB', env: 'OMENDB_STAGING', help: 'of it, for uploads under way (a 16th)' },
  'query-memory': {
    value: 'MB',
    env: 'OMENDB_QUERY_MEMORY',
    help: 'what one query may hold (a quarter)',
  },
  'max-queries': {
    value: 'N',
    env: 'OMENDB_MAX_QUERIES',
    help: 'queries that run at once, more wait (64)',
  },
  'max-points': {
    value: 'N',
    env: 'OMENDB_MAX_POINTS',
    help: 'points that one query may scan (200000000)',
  },
  'max-buckets': {
    value: 'N',
    env: 'OMENDB_MAX_BUCKETS',
    help: 'buckets that one query may make (1000000)',
  },
  'query-timeout': {
    value: 'MS',
    env: 'OMENDB_QUERY_TIMEOUT',
    help: 'milliseconds that one query may take (30000)',
  },
  'max-series': {
    value: 'N',
    env: 'OMENDB_MAX_SERIES',
    help: 'series that one database may have (1000000)',
  },
} as const

const MIB = 1 << 20
/** As the engine's own bounds are, here in the words of the option. */
const MEMORY_MB_MIN = 16
const MEMORY_MB_MAX = 2048
const COUNT_MAX = 100_000_000
const POINTS_MAX = 1_000_000_000_000
const TIMEOUT_MS_MAX = 86_400_000

/** The engine's options. Throws a UsageError for what is no number of the range. */
export function readMemory(
  flags: Given<typeof MEMORY_FLAGS>,
  nameOf: (name: keyof typeof MEMORY_FLAGS) => string = (name) => `--${name}`,
): OpenOptions {
  const number = (name: keyof typeof MEMORY_FLAGS, least: number, most: number): number | null =>
    flags[name] === undefined ? null : atLeast(least, flags[name], nameOf(name), most)
  const megabytes = (name: keyof typeof MEMORY_FLAGS, least = 1): number | null => {
    const count = number(name, least, MEMORY_MB_MAX)
    return count === null ? null : count * MIB
  }
  const memtable = megabytes('memtable')
  return {
    ...given('memoryBytes', megabytes('memory', MEMORY_MB_MIN)),
    ...given('cacheBytes', megabytes('cache')),
    ...given('stagingBytes', megabytes('staging')),
    ...given('memtableRowBytes', memtable),
    ...given('memtableArenaBytes', memtable === null ? null : memtable / 2),
    ...given('logBytes', memtable),
    ...given('queriesMax', number('max-queries', 1, COUNT_MAX)),
    ...given('seriesMax', number('max-series', 1, COUNT_MAX)),
    limits: {
      ...given('queryBytes', megabytes('query-memory')),
      ...given('maxPoints', number('max-points', 1, POINTS_MAX)),
      ...given('maxBuckets', number('max-buckets', 1, COUNT_MAX)),
      ...given('timeoutMs', number('query-timeout', 1, TIMEOUT_MS_MAX)),
    },
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
