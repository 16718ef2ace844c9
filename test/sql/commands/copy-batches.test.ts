// A COPY of many batches: what it holds at a time, and what it says when it fails in the middle.

import { expect, test } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import { SqlError } from '../../../sql/sql-error.ts'
import { openEngine, run, start } from './setup.ts'

const ROWS = 400_000
const CHUNK_ROWS = 2_000
/** Batches on their way at once. */
const PENDING_MAX = 16
/** Bytes of text that may have been read and are not stored: of as many batches, and of the next. */
const AHEAD_MAX = 8 << 20

const lineOf = (row: number): string => `${new Date(row * 10).toISOString()}\t${row % 1_000}.5\n`

/** All rows, the last of them wrong if so asked; `read` hears of each chunk's bytes. */
async function* chunksOf(
  isWrong: boolean,
  read: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  for (let from = 0; from < ROWS; from += CHUNK_ROWS) {
    let text = ''
    for (let row = from; row < from + CHUNK_ROWS; row++) text += lineOf(row)
    if (isWrong && from + CHUNK_ROWS === ROWS) text += '1970-01-02 00:00:00Z\tmany\n'
    const bytes = encoder.encode(text)
    read(bytes.length)
    yield bytes
  }
}

/** The engine, of which `committing` is called when a batch is to be stored, and what it answers after. */
function watched(engine: Database, committing: () => () => void): Database {
  return new Proxy(engine, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'batch') return value.bind(target) as unknown
      return (...options: Parameters<Database['batch']>) => {
        const batch = target.batch(...options)
        const commit = batch.commit.bind(batch)
        batch.commit = async (ack) => {
          const done = committing()
          const result = await commit(ack)
          done()
          return result
        }
        return batch
      }
    },
  })
}

async function copyIn(engine: Database, chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const running = await start(engine, 'COPY m FROM STDIN')
  if (running.kind !== 'copyIn') throw new Error(running.kind)
  return running.copy(chunks)
}

test(
  'a long COPY is stored in several batches, a bounded number of them at a time',
  { timeout: 120_000 },
  async () => {
    const engine = await openEngine()
    await run(engine, 'CREATE TABLE m (time timestamptz PRIMARY KEY, u float8)')
    let [readBytes, storedBytes, commits, open] = [0, 0, 0, 0]
    const seen = watched(engine, () => {
      commits++
      open++
      expect(open).toBeLessThanOrEqual(PENDING_MAX)
      expect(readBytes - storedBytes).toBeLessThan(AHEAD_MAX)
      const upTo = readBytes
      return () => {
        open--
        storedBytes = upTo
      }
    })
    const tag = await copyIn(
      seen,
      chunksOf(false, (bytes) => (readBytes += bytes)),
    )
    expect(tag).toBe(`COPY ${ROWS}`)
    expect(commits).toBeGreaterThan(PENDING_MAX)
    const { rows } = await run(engine, 'SELECT count(*), min(time), max(time) FROM m')
    expect(rows).toEqual([[String(ROWS), '1970-01-01 00:00:00+00', '1970-01-01 01:06:39.99+00']])
  },
)

test('a COPY that fails says how many rows are stored', { timeout: 120_000 }, async () => {
  const engine = await openEngine()
  await run(engine, 'CREATE TABLE m (time timestamptz PRIMARY KEY, u float8)')
  const error = await copyIn(
    engine,
    chunksOf(true, () => {}),
  ).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(SqlError)
  const { sqlstate, where, hint } = error as SqlError
  expect([sqlstate, where]).toEqual(['22P02', `COPY m, line ${ROWS + 1}, column u: "many"`])
  const [[count]] = (await run(engine, 'SELECT count(*) FROM m')).rows as [[string]]
  expect(Number(count)).toBeGreaterThan(0)
  expect(Number(count)).toBeLessThan(ROWS)
  expect(hint).toBe(`The first ${count} rows of this COPY are stored.`)
})

test('a COPY whose client gives up stores nothing of its batch', async () => {
  const engine = await openEngine()
  await run(engine, 'CREATE TABLE m (time timestamptz PRIMARY KEY, u float8)')
  const givesUp = async function* (): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode(lineOf(1) + lineOf(2))
    throw new SqlError('57014', 'COPY from stdin failed: enough')
  }
  await expect(copyIn(engine, givesUp())).rejects.toThrow('enough')
  expect((await run(engine, 'SELECT count(*) FROM m')).rows).toEqual([['0']])
})
