// A set as the text files that peers read: line protocol and CSV, in the order of arrival, written once
// and then read by all of them.

import { closeSync, existsSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import { type PointSet, type Place, arrivals, lineOf, seriesTexts } from './point-set.ts'

const WRITE_BYTES = 4 << 20

/** Line protocol with times in milliseconds. */
export function writeLines(file: string, data: PointSet, lateShare: number): void {
  const texts = seriesTexts(data)
  writeRows(file, data, lateShare, (place) => lineOf(data, place, texts[place.series]!))
}

/** CSV without a header: milliseconds, tags, fields. */
export function writeCsv(file: string, data: PointSet, lateShare: number): void {
  writeRows(file, data, lateShare, ({ series, row }) => {
    const { tags, times, values } = data.series[series]!
    return `${times[row]},${tags.join(',')},${values.map((column) => column[row]).join(',')}\n`
  })
}

function writeRows(
  file: string,
  data: PointSet,
  lateShare: number,
  textOf: (place: Place) => string,
): void {
  if (existsSync(file)) return
  const target = openSync(`${file}.tmp`, 'w')
  let text = ''
  for (const place of arrivals(data, lateShare)) {
    text += textOf(place)
    if (text.length < WRITE_BYTES) continue
    writeSync(target, text)
    text = ''
  }
  writeSync(target, text)
  closeSync(target)
  renameSync(`${file}.tmp`, file)
}

/** Chunks of whole lines, of at most `bytesMax`. */
export function* lineChunks(file: string, bytesMax: number): Generator<Buffer> {
  const source = openSync(file, 'r')
  try {
    for (let at = 0; ;) {
      const chunk = Buffer.allocUnsafe(bytesMax)
      const count = readSync(source, chunk, 0, bytesMax, at)
      if (count === 0) return
      const end = chunk.subarray(0, count).lastIndexOf(10) + 1
      yield chunk.subarray(0, end)
      at += end
    }
  } finally {
    closeSync(source)
  }
}
