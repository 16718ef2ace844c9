// A set as files for peers to load, in the order of arrival, written by a process that holds the arrays
// and read by those that do not: line protocol, CSV with tags, and rows by number of series in
// PostgreSQL's binary format of COPY (its manual: sql-copy, "Binary Format"), which SQLite's loader
// reads, too.

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { type PointSet, type Place, arrivals, csvLineOf, lineOf, seriesTexts } from './point-set.ts'

/** lines: times in milliseconds; csv: milliseconds, tags, fields; rows: series, milliseconds, fields. */
export type InputKind = 'lines' | 'csv' | 'rows'

const WRITE_BYTES = 4 << 20
const COPY_SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const COPY_HEAD_BYTES = COPY_SIGNATURE.length + 8

/** Writes these kinds of files into a directory, each called by its kind. */
export function writeInputs(
  directory: string,
  kinds: ReadonlySet<InputKind>,
  data: PointSet,
  lateShare: number,
): void {
  const writers = [...kinds].map((kind) => {
    const file = `${directory}/${kind}`
    if (kind === 'rows') return new RowsWriter(file, data)
    if (kind === 'csv') return new TextWriter(file, (place) => csvLineOf(data, place))
    const texts = seriesTexts(data)
    return new TextWriter(file, (place) => lineOf(data, place, texts[place.series]!))
  })
  for (const place of arrivals(data, lateShare)) {
    for (const writer of writers) writer.add(place)
  }
  for (const writer of writers) writer.close()
}

class TextWriter {
  private readonly target: number
  private readonly textOf: (place: Place) => string
  private text = ''

  constructor(file: string, textOf: (place: Place) => string) {
    this.target = openSync(file, 'w')
    this.textOf = textOf
  }

  add(place: Place): void {
    this.text += this.textOf(place)
    if (this.text.length >= WRITE_BYTES) this.write()
  }

  close(): void {
    this.write()
    closeSync(this.target)
  }

  private write(): void {
    writeSync(this.target, this.text)
    this.text = ''
  }
}

/** Bytes of a row: its count of columns, then each with its size. */
const rowBytes = (fields: number): number => 2 + 8 + (1 + fields) * 12

class RowsWriter {
  private readonly target: number
  private readonly data: PointSet
  private readonly buffer = Buffer.alloc(WRITE_BYTES)
  private used = 0

  constructor(file: string, data: PointSet) {
    this.target = openSync(file, 'w')
    this.data = data
    this.used = COPY_SIGNATURE.copy(this.buffer) + 8
  }

  add({ series, row }: Place): void {
    const { times, values } = this.data.series[series]!
    const { buffer } = this
    if (this.used + rowBytes(values.length) > WRITE_BYTES) this.write()
    let at = buffer.writeInt16BE(2 + values.length, this.used)
    at = buffer.writeInt32BE(series, buffer.writeInt32BE(4, at))
    at = buffer.writeBigInt64BE(BigInt(times[row]!), buffer.writeInt32BE(8, at))
    for (const column of values) {
      at = buffer.writeDoubleBE(column[row]!, buffer.writeInt32BE(8, at))
    }
    this.used = at
  }

  close(): void {
    this.write()
    this.used = this.buffer.writeInt16BE(-1, 0)
    this.write()
    closeSync(this.target)
  }

  private write(): void {
    writeSync(this.target, this.buffer, 0, this.used)
    this.used = 0
  }
}

/** Chunks of whole lines, of at most `bytesMax`. */
export function* lineChunks(file: string, bytesMax: number): Generator<Buffer> {
  for (let at = 0; ;) {
    const chunk = readChunk(file, at, bytesMax)
    if (chunk.length === 0) return
    const end = chunk.lastIndexOf(10) + 1
    yield chunk.subarray(0, end)
    at += end
  }
}

/** Rows of a file of that kind, as arrays of series, milliseconds and fields; one array for all. */
export function* inputRows(file: string, fields: number): Generator<readonly number[]> {
  const size = rowBytes(fields)
  const chunkBytes = size * 8_192
  const row = Array.from({ length: 2 + fields }, () => 0)
  for (let start = COPY_HEAD_BYTES; ; start += chunkBytes) {
    const chunk = readChunk(file, start, chunkBytes)
    for (let at = 0; at + size <= chunk.length; at += size) {
      row[0] = chunk.readInt32BE(at + 6)
      row[1] = Number(chunk.readBigInt64BE(at + 14))
      for (let field = 0; field < fields; field++) {
        row[2 + field] = chunk.readDoubleBE(at + 26 + field * 12)
      }
      yield row
    }
    if (chunk.length < chunkBytes) return
  }
}

function readChunk(file: string, at: number, bytesMax: number): Buffer {
  const source = openSync(file, 'r')
  try {
    const chunk = Buffer.allocUnsafe(bytesMax)
    return chunk.subarray(0, readSync(source, chunk, 0, bytesMax, at))
  } finally {
    closeSync(source)
  }
}
