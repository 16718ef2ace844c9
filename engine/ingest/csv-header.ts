// The header line of a CSV text: what each of its columns is for. Rows are the kernel's
// (assembly/csv.ts); the header is one line, so it is read here.

import { OmenError } from '../error.ts'
import type { FieldType } from '../field.ts'

export interface CsvSpec {
  table: string
  /** Column of the times; by default `time`, if the header has it. */
  time?: string | undefined
  /** Columns that are tags, beside those that the table has as tags. */
  tags?: readonly string[] | undefined
  /** Types of fields; others go by the table, or by their first value. */
  types?: Readonly<Record<string, FieldType>> | undefined
}

export type CsvRole = 'time' | 'tag' | 'field'

export interface CsvColumn {
  readonly name: string
  readonly role: CsvRole
  /** Declared type of a field. */
  readonly type: FieldType | null
}

const HEADER_BYTES_MAX = 8 << 20
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * What readHeader found: the cells, and how many bytes and lines they took, blank lines included.
 */
export interface CsvHeader {
  readonly names: string[]
  readonly size: number
  readonly lineCount: number
}

/**
 * Reads the first line that is not blank from the beginning of a text; null if it does not end
 * there and more may come. Throws `bad_request`.
 */
export function readHeader(text: Uint8Array, isFinal: boolean): CsvHeader | null {
  let start = 0
  if (text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf) start = 3
  let blankCount = 0
  for (; text[start] === 10 || (text[start] === 13 && text[start + 1] === 10); blankCount++) {
    start += text[start] === 10 ? 1 : 2
  }
  const end = recordEnd(text, start)
  if (end === -1 && !isFinal) {
    if (text.length > HEADER_BYTES_MAX) throw wrong(`longer than ${HEADER_BYTES_MAX} bytes`)
    return null
  }
  const stop = end === -1 ? text.length : end
  let line: string
  try {
    line = decoder.decode(text.slice(start, stop))
  } catch {
    throw wrong('not UTF-8')
  }
  line = line.replace(/\r$/, '')
  if (line === '') throw wrong('missing')
  const newlines = line.split('\n').length - 1
  return {
    names: splitCells(line),
    size: end === -1 ? text.length : end + 1,
    lineCount: blankCount + newlines + 1,
  }
}

/** Offset of the newline that ends a record, -1 if it is not there: quoted ones do not count. */
function recordEnd(text: Uint8Array, start: number): number {
  let isQuoted = false
  for (let at = start; at < text.length; at++) {
    if (text[at] === 34) isQuoted = !isQuoted
    else if (text[at] === 10 && !isQuoted) return at
  }
  return -1
}

function splitCells(line: string): string[] {
  const cells: string[] = []
  const pattern = /"((?:[^"]|"")*)"(?=,|$)|([^",]*)(?=,|$)/gy
  for (;;) {
    const at = pattern.lastIndex
    const found = pattern.exec(line)
    if (found === null) throw wrong(`a quote at character ${at + 1} is not closed or not alone`)
    cells.push(found[1] === undefined ? found[2]! : found[1].replaceAll('""', '"'))
    if (pattern.lastIndex >= line.length) return cells
    pattern.lastIndex++
    if (pattern.lastIndex === line.length) return [...cells, '']
  }
}

/**
 * Gives each column of a header its role. `isTag` tells whether the table has a tag of that name.
 * Throws `bad_request` naming the column.
 */
export function planColumns(
  names: readonly string[],
  spec: CsvSpec,
  isTag: (name: string) => boolean,
  columnsMax: number,
): CsvColumn[] {
  if (names.length > columnsMax) {
    throw new OmenError('limit_exceeded', `CSV header: ${names.length} columns, over ${columnsMax}`)
  }
  const seen = new Set<string>()
  for (const [index, name] of names.entries()) {
    if (name === '') throw wrong(`column ${index + 1} has no name`)
    if (seen.has(name)) throw wrong(`column '${name}' is there twice`)
    seen.add(name)
  }
  const { tags = [], types = {} } = spec
  const time = spec.time ?? 'time'
  const missing = [...(spec.time === undefined ? [] : [time]), ...tags, ...Object.keys(types)].find(
    (name) => !seen.has(name),
  )
  if (missing !== undefined) throw wrong(`no column '${missing}'`)
  return names.map((name) => {
    if (name === time) return { name, role: 'time', type: null }
    const type = Object.hasOwn(types, name) ? types[name]! : null
    const role = tags.includes(name) || (type === null && isTag(name)) ? 'tag' : 'field'
    return { name, role, type }
  })
}

function wrong(fact: string): OmenError {
  const message = `CSV header: ${fact}`
  const error = { line: 1, column: null, pointer: null, message, input: null }
  return new OmenError('bad_request', message, { errors: [{ ...error, code: 'bad_request' }] })
}
