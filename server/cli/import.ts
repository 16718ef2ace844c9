// `omendb write` and `omendb import`: a file or stdin goes to the server in batches of whole records,
// each stored before the next is sent (a later point of the same time must win). Running either
// again after a failure is safe: points are named by series and time.

import { createReadStream } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { OmenDBError, type FieldType, type WriteAnswer } from '../../client/index.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS } from './connection.ts'
import { oneOf } from './flags.ts'
import {
  batchRecords,
  concatenate,
  csvScanner,
  lineScanner,
  splitHeader,
  type RecordBatch,
} from './records.ts'
import { CommandError, UsageError, type Terminal } from './terminal.ts'

/** Bytes of a batch: far below the server's limit, and large enough that an fsync costs little. */
const BATCH_BYTES = 4 * 1024 * 1024

const NOTE =
  'Batches of whole lines are stored one after the other; after a failure run it again: the same points overwrite themselves.'

export const writeCommand = defineCommand({
  name: 'write',
  operands: '[FILE|-]',
  operandCount: [0, 1],
  summary: 'store line protocol from a file or stdin',
  example: "echo 'cpu,host=a usage=0.5' | omendb write",
  notes: [NOTE],
  flags: {
    precision: { value: 'UNIT', help: 'unit of the times: ns (default), us, ms, s' },
    ...CONNECTION_FLAGS,
  },
  async run({ flags, positionals }, terminal) {
    const precision = readPrecision(flags.precision)
    const source = openInput(positionals[0] ?? '-', terminal)
    const { client, close } = await connect(flags, terminal, 'write')
    try {
      const batches = batchRecords(source, lineScanner(), BATCH_BYTES)
      await sendAll(batches, terminal, 'wrote', ({ bytes }) => client.write(bytes, precision))
    } finally {
      await close()
    }
  },
})

export const importCommand = defineCommand({
  name: 'import',
  operands: 'FILE.csv|-',
  operandCount: [1, 1],
  summary: 'store a CSV file with a header line',
  example: 'omendb import cpu.csv --table cpu --time timestamp --tags host',
  notes: [NOTE],
  flags: {
    table: { value: 'TABLE', help: 'table to store into (required)' },
    time: { value: 'COLUMN', help: 'column with the time (default: time)' },
    tags: { value: 'A,B', help: 'columns that are tags; all others are fields' },
    types: { value: 'N:TYPE', help: 'types of fields, e.g. n:integer,ok:boolean' },
    precision: { value: 'UNIT', help: 'unit of integer times: ms (default), ns, us, s' },
    ...CONNECTION_FLAGS,
  },
  async run({ flags, positionals }, terminal) {
    const { table } = flags
    if (table === undefined) throw new UsageError('--table TABLE is needed')
    const options = {
      table,
      ...readPrecision(flags.precision),
      ...(flags.time === undefined ? {} : { time: flags.time }),
      ...(flags.tags === undefined ? {} : { tags: flags.tags.split(',') }),
      ...(flags.types === undefined ? {} : { types: readTypes(flags.types) }),
    }
    const source = openInput(positionals[0]!, terminal)
    const { client, close } = await connect(flags, terminal, 'write')
    try {
      const batches = withHeader(batchRecords(source, csvScanner(), BATCH_BYTES))
      await sendAll(batches, terminal, 'imported', ({ bytes }) => client.import(bytes, options))
    } finally {
      await close()
    }
  },
})

const PRECISIONS = ['ns', 'us', 'ms', 's'] as const

function readPrecision(text: string | undefined): { precision?: (typeof PRECISIONS)[number] } {
  if (text === undefined) return {}
  return { precision: oneOf(text, '--precision', PRECISIONS) }
}

const TYPES = ['float', 'integer', 'unsigned', 'boolean', 'string'] as const

function readTypes(text: string): Record<string, FieldType> {
  const types: [string, FieldType][] = text.split(',').map((entry) => {
    const colon = entry.lastIndexOf(':')
    const type = TYPES.find((name) => name === entry.slice(colon + 1).trim())
    if (colon > 0 && type !== undefined) return [entry.slice(0, colon).trim(), type]
    throw new UsageError(`--types ${entry}: NAME:TYPE is needed, TYPE one of ${TYPES.join(', ')}`)
  })
  return Object.fromEntries(types)
}

function openInput(path: string, { stdin }: Terminal): AsyncIterable<Uint8Array> {
  return path === '-' ? stdin : readFile(path)
}

async function* readFile(path: string): AsyncGenerator<Uint8Array, void> {
  try {
    yield* createReadStream(path, { highWaterMark: 1024 * 1024 })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === undefined) throw error
    const why = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a directory' : code
    throw new CommandError(`${path}: ${why}`, { cause: error })
  }
}

/** Puts the first record of the file in front of every later batch. */
async function* withHeader(batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch, void> {
  let header: Uint8Array | null = null
  for await (const batch of batches) {
    if (header === null) {
      header = splitHeader(batch.bytes)?.header.slice() ?? new Uint8Array(0)
      yield batch
      continue
    }
    // A line of the batch is its number in the file less those before it, and one more for the header.
    const headerLines = header.reduce((count, byte) => count + (byte === 10 ? 1 : 0), 0)
    yield {
      bytes: concatenate([header, batch.bytes]),
      linesBefore: batch.linesBefore - headerLines,
    }
  }
}

/** Sends batch after batch; ends with points, seconds and points/s on stderr. */
async function sendAll(
  batches: AsyncIterable<RecordBatch>,
  terminal: Terminal,
  verb: string,
  send: (batch: RecordBatch) => Promise<WriteAnswer>,
): Promise<void> {
  const { stderr } = terminal
  const startedAt = performance.now()
  let points = 0
  const line = (): string => describeProgress(verb, points, performance.now() - startedAt)
  const clear = stderr.isTTY ? '\r\x1b[K' : ''
  for await (const batch of batches) {
    try {
      points += (await send(batch)).written
    } catch (error) {
      stderr.write(clear)
      throw error instanceof OmenDBError ? placeError(error, batch.linesBefore, points) : error
    }
    if (stderr.isTTY) stderr.write(`${clear}${line()}`)
  }
  stderr.write(`${clear}${line()}\n`)
}

function describeProgress(verb: string, points: number, elapsedMs: number): string {
  const seconds = elapsedMs / 1000
  const rate = Math.round(points / Math.max(seconds, 1e-3))
  const count = `${points.toLocaleString('en-US')} ${points === 1 ? 'point' : 'points'}`
  return `${verb} ${count} in ${seconds.toFixed(2)} s, ${rate.toLocaleString('en-US')} points/s`
}

/** Names lines by their number in the file, and says what is already stored. */
function placeError(error: OmenDBError, linesBefore: number, points: number): CommandError {
  const places = error.errors.slice(0, LISTED_ERRORS).map(({ line, column, message }) => {
    if (line === null) return message
    return `line ${line + linesBefore}${column === null ? '' : `, column ${column}`}: ${message}`
  })
  const lines = places.length === 0 ? [error.detail] : places
  if (error.errors.length > LISTED_ERRORS)
    lines.push(`… ${error.errors.length} refused lines in all`)
  const stored = points.toLocaleString('en-US')
  if (points > 0) lines.push(`${stored} points of the batches before are stored`)
  return new CommandError(lines.join('\n'), { cause: error })
}

const LISTED_ERRORS = 10
