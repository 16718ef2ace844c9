// Rows → COPY's formats, byte for byte as PostgreSQL writes them.
// Source: PostgreSQL 15, src/backend/commands/copyto.c, CopyAttributeOutText and CopyAttributeOutCSV.

import type { SqlBatch } from '../../batch.ts'
import type { CopyOptions, Named } from '../../tree.ts'
import type { TextContext } from '../../value-text.ts'
import { SIGNATURE } from './binary-reader.ts'
import { type BinaryValue, binaryValueOf } from './binary-value.ts'
import type { ByteWriter } from './byte-writer.ts'
import { isPlainType, quickPrinterOf } from './quick-text.ts'

export interface RowWriter {
  begin(): void
  row(batch: SqlBatch, row: number): void
  end(): void
}

export function rowWriterOf(
  options: CopyOptions,
  columns: readonly Named[],
  context: TextContext,
  out: ByteWriter,
): RowWriter {
  return options.format === 'binary'
    ? new BinaryRows(columns, out)
    : new DelimitedRows(options, columns, context, out)
}

class BinaryRows implements RowWriter {
  readonly #out: ByteWriter
  readonly #values: readonly BinaryValue[]

  constructor(columns: readonly Named[], out: ByteWriter) {
    this.#out = out
    this.#values = columns.map(({ type }) => binaryValueOf(type))
  }

  begin(): void {
    this.#out.raw(Uint8Array.from(SIGNATURE))
    // No flags, no extension.
    this.#out.int32(0)
    this.#out.int32(0)
  }

  row({ columns }: SqlBatch, row: number): void {
    const out = this.#out
    out.int16(columns.length)
    for (const [index, { values, valid }] of columns.entries()) {
      if (valid !== null && valid[row] === 0) out.int32(-1)
      else out.sized(() => this.#values[index]!(out, values[row]))
    }
  }

  end(): void {
    this.#out.int16(-1)
  }
}

class DelimitedRows implements RowWriter {
  readonly #out: ByteWriter
  readonly #options: CopyOptions
  readonly #names: readonly string[]
  /** By column: the text of a value as it stands in a line. */
  readonly #printers: readonly ((value: unknown) => string)[]
  readonly #encode: (text: string) => string

  constructor(
    options: CopyOptions,
    columns: readonly Named[],
    context: TextContext,
    out: ByteWriter,
  ) {
    this.#out = out
    this.#options = options
    this.#names = columns.map(({ name }) => name)
    const encode =
      options.format === 'csv' ? quoting(options, columns.length === 1) : escaping(options)
    this.#encode = encode
    const isUsual = isUsualForm(options)
    this.#printers = columns.map(({ type }) => {
      const print = quickPrinterOf(type, context)
      return isUsual && isPlainType(type) ? print : (value) => encode(print(value))
    })
  }

  begin(): void {
    if (!this.#options.hasHeader) return
    this.#out.text(`${this.#names.map(this.#encode).join(this.#options.delimiter)}\n`)
  }

  row({ columns }: SqlBatch, row: number): void {
    const { delimiter, nullText } = this.#options
    let line = ''
    for (let index = 0; index < columns.length; index++) {
      const { values, valid } = columns[index]!
      if (index > 0) line += delimiter
      const isNull = valid !== null && valid[row] === 0
      line += isNull ? nullText : this.#printers[index]!(values[row])
    }
    this.#out.text(`${line}\n`)
  }

  end(): void {
    // The last line has its end.
  }
}

/** Plain texts need no escapes and no quotes, nor are they the text of null. */
function isUsualForm({ format, delimiter, nullText, quote }: CopyOptions): boolean {
  const isMark = '\t,;|'.includes(delimiter)
  return isMark && (format === 'text' || ((nullText === '' || nullText === '\\N') && quote === '"'))
}

const LETTERS: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

const inClass = (character: string): string => character.replace(/[\\\]^-]/, '\\$&')

function escaping({ delimiter }: CopyOptions): (text: string) => string {
  const special = new RegExp(`[\\b\\f\\n\\r\\t\\v\\\\${inClass(delimiter)}]`, 'g')
  const escape = (character: string): string => LETTERS[character] ?? `\\${character}`
  return (text) => (text.search(special) < 0 ? text : text.replace(special, escape))
}

function quoting(
  { delimiter, quote, escape, nullText }: CopyOptions,
  isAlone: boolean,
): (text: string) => string {
  const special = new RegExp(`[\\n\\r${inClass(delimiter)}${inClass(quote)}]`)
  const escaped = new RegExp(`[${inClass(quote)}${inClass(escape)}]`, 'g')
  return (text) => {
    const isEnd = isAlone && text === '\\.'
    if (text !== nullText && !isEnd && !special.test(text)) return text
    return `${quote}${text.replace(escaped, (character) => escape + character)}${quote}`
  }
}
