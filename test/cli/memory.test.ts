import { describe, expect, test } from 'vitest'
import { MEMORY_FLAGS, readMemory } from '../../server/cli/memory.ts'
import { namesOf, parseFlags, withEnvironment } from '../../server/cli/flags.ts'

const MIB = 1 << 20
const read = (args: string[], env: Record<string, string> = {}) => {
  const { flags } = parseFlags(args, MEMORY_FLAGS)
  return readMemory(withEnvironment(flags, MEMORY_FLAGS, env), namesOf(flags, MEMORY_FLAGS))
}

describe('memory options', () => {
  test('are left to the engine unless given', () => {
    expect(read([])).toEqual({ limits: {} })
  })

  test('are megabytes, and a memtable brings its strings and its log', () => {
    const args = ['--memory', '512', '--cache', '128', '--memtable', '32', '--staging', '16']
    expect(read([...args, '--query-memory', '64', '--max-queries', '8'])).toEqual({
      memoryBytes: 512 * MIB,
      cacheBytes: 128 * MIB,
      memtableRowBytes: 32 * MIB,
      memtableArenaBytes: 16 * MIB,
      logBytes: 32 * MIB,
      stagingBytes: 16 * MIB,
      queriesMax: 8,
      limits: { queryBytes: 64 * MIB },
    })
  })

  test('come from the environment, but an option goes first', () => {
    const env = { OMENDB_MEMORY: '256' }
    expect(read([], env).memoryBytes).toBe(256 * MIB)
    expect(read(['--memory', '300'], env).memoryBytes).toBe(300 * MIB)
    expect(read(['--max-series', '5000000']).seriesMax).toBe(5_000_000)
  })

  test('bound what one query may do', () => {
    const args = ['--max-points', '1000', '--max-buckets', '10']
    expect(read(args, { OMENDB_QUERY_TIMEOUT: '250' }).limits).toEqual({
      ...{ maxPoints: 1000, maxBuckets: 10, timeoutMs: 250 },
    })
  })

  test('that are wrong in the environment are named as there', () => {
    expect(() => read([], { OMENDB_MAX_POINTS: 'many' })).toThrow(/^OMENDB_MAX_POINTS many: /)
  })

  test.each([
    [['--memory', '0'], /--memory 0: at least 16 is needed/],
    [['--memory', '15'], /--memory 15: at least 16 is needed/],
    [['--cache', '0'], /--cache 0: at least 1 is needed/],
    [['--memory', '4096'], /--memory 4096: a whole number from 0 to 2048/],
    [['--cache', '1.5'], /--cache 1.5: a whole number/],
    [['--max-queries', 'all'], /--max-queries all/],
  ])('%j is refused', (args, message) => {
    expect(() => read(args)).toThrow(message)
  })
})
