// Text → PostgreSQL's own tree, one per statement, with the positions that errors speak of. Trees of
// texts that come again are kept, the most recent first.
// Source: PostgreSQL 15, src/backend/parser/gram.y, through libpg-query.

import type { Node, ParseResult } from 'libpg-query'
import { SqlError } from '../sql-error.ts'
import { openGrammar } from './grammar.ts'

export interface ParsedStatement {
  readonly tree: Node
  /** Its place in the text, in UTF-16 units: of `slice`. */
  readonly start: number
  readonly end: number
}

export interface Parsed {
  readonly statements: readonly ParsedStatement[]
  /** 1-based character of a `location` of the tree, which counts bytes; undefined and -1: none. */
  position(location: number | undefined): number | undefined
}

const TEXTS_MAX = 500
const TEXT_CHARACTERS_MAX = 10_000
/** PostgreSQL's own limit is 1 GB; a tree takes about fifty times its text. */
const TEXT_BYTES_MAX = 16 * 2 ** 20

const recent = new Map<string, Parsed>()

/** Throws SqlError 42601 with position; 54001 where it nests too deep, 54000 where it is too long. */
export async function parse(text: string): Promise<Parsed> {
  const known = recent.get(text)
  if (known !== undefined) {
    recent.delete(text)
    recent.set(text, known)
    return known
  }
  const parsed = await parseNew(text)
  if (text.length > TEXT_CHARACTERS_MAX) return parsed
  recent.set(text, parsed)
  if (recent.size > TEXTS_MAX) recent.delete(recent.keys().next().value!)
  return parsed
}

/** The statements of a text with their offsets in it, in UTF-16 units. Throws as `parse`. */
export async function splitStatements(
  text: string,
): Promise<readonly { readonly text: string; readonly offset: number }[]> {
  const { statements } = await parse(text)
  return statements.map(({ start, end }) => ({ text: text.slice(start, end), offset: start }))
}

async function parseNew(text: string): Promise<Parsed> {
  if (text.length > TEXT_BYTES_MAX) {
    throw new SqlError('54000', `statement: ${text.length} characters, at most ${TEXT_BYTES_MAX}`)
  }
  const zero = text.indexOf('\0')
  if (zero >= 0) {
    throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8": 0x00')
  }
  const grammar = await openGrammar()
  let answer
  try {
    answer = grammar.parse(text)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new SqlError('54001', 'stack depth limit exceeded', { cause: error })
  }
  if ('message' in answer) throw syntaxError(answer.message, answer.position)
  return new Tree(text, JSON.parse(answer.json) as ParseResult)
}

/** What the scanner and the grammar refuse is mostly 42601; these have codes of their own. */
const CODES: readonly (readonly [RegExp, string])[] = [
  [/^memory exhausted|stack depth/, '54001'],
  [/^invalid Unicode escape|^invalid Unicode surrogate/, '42601'],
  [/^nonstandard use of escape/, '22P06'],
  [/^unsafe use of/, '22P06'],
  [/^invalid byte sequence/, '22021'],
  [/is (only )?not (yet )?supported|not implemented|not supported/i, '0A000'],
  [/there is no parameter/, '42P02'],
]

function syntaxError(message: string, position: number): SqlError {
  const code = CODES.find(([pattern]) => pattern.test(message))?.[1] ?? '42601'
  return new SqlError(code, message, position > 0 ? { position } : {})
}

class Tree implements Parsed {
  readonly statements: readonly ParsedStatement[]
  readonly #text: string
  /** Only ASCII: bytes, UTF-16 units and characters are the same. */
  readonly #isPlain: boolean

  constructor(text: string, { stmts = [] }: ParseResult) {
    this.#text = text
    // eslint-disable-next-line no-control-regex -- that is the set
    this.#isPlain = /^[\u0000-\u007f]*$/.test(text)
    this.statements = stmts.map(({ stmt, stmt_location = 0, stmt_len = 0 }) => ({
      tree: stmt!,
      start: this.#walk(stmt_location).offset,
      end: stmt_len === 0 ? text.length : this.#walk(stmt_location + stmt_len).offset,
    }))
  }

  position(location: number | undefined): number | undefined {
    if (location === undefined) return 1
    return location < 0 ? undefined : this.#walk(location).characters + 1
  }

  /** UTF-16 units and characters before a byte. */
  #walk(bytes: number): { offset: number; characters: number } {
    if (this.#isPlain) return { offset: bytes, characters: bytes }
    let offset = 0
    let characters = 0
    for (let passed = 0; passed < bytes && offset < this.#text.length; characters += 1) {
      const code = this.#text.codePointAt(offset)!
      passed += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
      offset += code < 0x10000 ? 1 : 2
    }
    return { offset, characters }
  }
}
