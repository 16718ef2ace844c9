// Cuts a file into batches of whole records. A line break inside quotes is part of a value, so the
// cut asks a small scanner that knows the quoting of the format; text without quotes, which is
// nearly all there is, is only searched for its last line break.

import { CommandError } from './terminal.ts'

const NEWLINE = 10
const QUOTE = 34
const COMMA = 44
const BACKSLASH = 92
const TAB = 9
const SPACE = 32
const EQUALS = 61
const HASH = 35

/** Knows where records end. It keeps its state between calls: pass every byte once, in order. */
export interface RecordScanner {
  /** Index behind the last record end in bytes[from, end), or -1 if no record ends there. */
  scan(bytes: Uint8Array, from: number): number
}

/** CSV (RFC 4180): a quote counts at the start of a cell, and there until the next single one. */
export function csvScanner(): RecordScanner {
  let isQuoted = false
  let isCellStart = true
  return {
    scan(bytes, from) {
      if (!isQuoted && bytes.indexOf(QUOTE, from) === -1) {
        const last = bytes[bytes.length - 1]
        isCellStart = last === COMMA || last === NEWLINE
        return lastLineEnd(bytes, from)
      }
      let end = -1
      for (let index = from; index < bytes.length; index++) {
        const byte = bytes[index]!
        if (isQuoted) {
          // The cell's start again: a second quote right behind this one goes on with the value.
          if (byte === QUOTE) [isQuoted, isCellStart] = [false, true]
          continue
        }
        isQuoted = byte === QUOTE && isCellStart
        isCellStart = byte === COMMA || byte === NEWLINE
        if (byte === NEWLINE) end = index + 1
      }
      return end
    },
  }
}

/** Where a scan of line protocol is: at a line's first byte, in names, in fields, behind `=`, quoted. */
const LINE_START = 0
const NAMES = 1
const FIELDS = 2
const VALUE = 3
const STRING = 4
const COMMENT = 5

/** Line protocol: quotes count only where a field's value starts; a backslash takes the next byte. */
export function lineScanner(): RecordScanner {
  let state = LINE_START
  let isEscaped = false
  return {
    scan(bytes, from) {
      if (state !== STRING && bytes.indexOf(QUOTE, from) === -1) {
        const end = lastLineEnd(bytes, from)
        // Only the rest behind the last line break matters for what follows.
        const rest = end === -1 ? from : end
        if (end !== -1) [state, isEscaped] = [LINE_START, false]
        for (let index = rest; index < bytes.length; index++) step(bytes[index]!)
        return end
      }
      let end = -1
      for (let index = from; index < bytes.length; index++) {
        if (step(bytes[index]!)) end = index + 1
      }
      return end
    },
  }

  /** Takes one byte; true if it ends a line. */
  function step(byte: number): boolean {
    if (isEscaped) {
      isEscaped = false
      if (byte !== NEWLINE || state === STRING) return false
    }
    if (byte === NEWLINE && state !== STRING) {
      state = LINE_START
      return true
    }
    if (byte === BACKSLASH && state !== COMMENT) isEscaped = true
    state = next(byte)
    return false
  }

  function next(byte: number): number {
    switch (state) {
      case LINE_START:
        if (byte === HASH) return COMMENT
        return byte === SPACE || byte === TAB ? LINE_START : NAMES
      case NAMES:
        return byte === SPACE ? FIELDS : NAMES
      case FIELDS:
        return byte === EQUALS ? VALUE : FIELDS
      case VALUE:
        return byte === QUOTE ? STRING : FIELDS
      case STRING:
        return byte === QUOTE ? FIELDS : STRING
      default:
        return state
    }
  }
}

function lastLineEnd(bytes: Uint8Array, from: number): number {
  const index = bytes.lastIndexOf(NEWLINE)
  return index < from ? -1 : index + 1
}

export interface RecordBatch {
  readonly bytes: Uint8Array
  /** Line breaks in the input before this batch. */
  readonly linesBefore: number
}

/** Bytes that may follow a batch's size without a record's end; a server would refuse them too. */
export const RECORD_BYTES_MAX = 16 * 1024 * 1024

function tooLong(line: number): CommandError {
  const size = `${RECORD_BYTES_MAX >> 20} MiB`
  return new CommandError(`no line ends within ${size} from line ${line} on: is a quote left open?`)
}

/**
 * Batches of whole records, at least `size` bytes each but the last, which also takes what is left
 * without a line break. A batch's bytes are the caller's.
 */
export async function* batchRecords(
  source: AsyncIterable<Uint8Array>,
  scanner: RecordScanner,
  size: number,
): AsyncGenerator<RecordBatch, void> {
  let held: Uint8Array[] = []
  let heldSize = 0
  let linesBefore = 0
  for await (const chunk of source) {
    const end = scanner.scan(chunk, 0)
    if (end === -1 || heldSize + end < size) {
      held.push(chunk)
      heldSize += chunk.length
      if (heldSize > size + RECORD_BYTES_MAX) throw tooLong(linesBefore + 1)
      continue
    }
    const bytes = concatenate([...held, chunk.subarray(0, end)])
    yield { bytes, linesBefore }
    linesBefore += countLines(bytes)
    held = end < chunk.length ? [chunk.subarray(end)] : []
    heldSize = chunk.length - end
  }
  if (heldSize > 0) yield { bytes: concatenate(held), linesBefore }
}

/** One array of several. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

function countLines(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}

/** Splits off the first record (a CSV header with its line break); null if there is only one. */
export function splitHeader(bytes: Uint8Array): { header: Uint8Array; rest: Uint8Array } | null {
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) {
    const header = bytes.subarray(0, at + 1)
    if (csvScanner().scan(header, 0) === at + 1) return { header, rest: bytes.subarray(at + 1) }
  }
  return null
}
