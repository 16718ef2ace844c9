// The grammar, its positions, and texts that no parser likes.

import { describe, expect, test } from 'vitest'
import '../grammar-module.ts'
import { SqlError } from '../../../sql/sql-error.ts'
import { parse, splitStatements } from '../../../sql/syntax/parse.ts'

async function failure(text: string): Promise<SqlError> {
  try {
    await parse(text)
  } catch (error) {
    if (error instanceof SqlError) return error
    throw error
  }
  throw new Error(`${text.slice(0, 40)}: no error`)
}

describe('splitting', () => {
  test('statements come in order with their offsets, empty ones not at all', async () => {
    const text = "SELECT 1 ; ;INSERT INTO m VALUES ('a;b') -- ;\n; SELECT 'é' ;"
    const parts = await splitStatements(text)
    expect(parts.map((one) => one.text.trim())).toEqual([
      'SELECT 1',
      "INSERT INTO m VALUES ('a;b') -- ;",
      "SELECT 'é'",
    ])
    for (const { text: part, offset } of parts) {
      expect(text.slice(offset, offset + part.length)).toBe(part)
    }
  })

  test.each(['', ' \n', ';', '-- nothing', '/* nothing */;;'])(
    '%j has no statement',
    async (text) => {
      expect(await splitStatements(text)).toEqual([])
    },
  )

  test('offsets count UTF-16 units behind characters of two, three and four bytes', async () => {
    const text = "SELECT 'é€😀'; SELECT 2"
    const [, second] = await splitStatements(text)
    expect(text.slice(second!.offset)).toBe(second!.text)
  })
})

describe('errors', () => {
  test.each([
    ['SELECT 1 +', 11],
    ['SELEC 1', 1],
    ["SELECT 'é' sel fro", 16],
    ["SELECT '😀' sel fro", 16],
    ["SELECT 'open", 8],
    ['SELECT 1; SELECT 2 FROM FROM', 25],
  ])('%j is 42601 at character %i', async (text, position) => {
    expect(await failure(text)).toMatchObject({ sqlstate: '42601', position })
  })

  test('a byte of zero is refused', async () => {
    expect((await failure('SELECT \0')).sqlstate).toBe('22021')
  })

  test('locations of trees become characters', async () => {
    const { position } = await parse("SELECT 'é€😀', x")
    const bytes = new TextEncoder().encode("SELECT 'é€😀', ").length
    expect(position.call(await parse("SELECT 'é€😀', x"), bytes)).toBe(15)
  })
})

describe('depth', () => {
  const forms: readonly (readonly [string, (depth: number) => string])[] = [
    ['parentheses', (depth) => `SELECT ${'('.repeat(depth)}1${')'.repeat(depth)}`],
    ['sums', (depth) => `SELECT ${'1+'.repeat(depth)}1`],
    ['queries', (depth) => `SELECT ${'(SELECT '.repeat(depth)}1${')'.repeat(depth)}`],
    ['unions', (depth) => `SELECT 1 ${'UNION SELECT 1 '.repeat(depth)}`],
    ['NOT', (depth) => `SELECT ${'NOT '.repeat(depth)}true`],
  ]
  test.each(forms)(
    '%s a hundred thousand deep are 54001, and the grammar lives on',
    async (_, of) => {
      expect((await failure(of(100_000))).sqlstate).toBe('54001')
      expect((await parse('SELECT 1')).statements).toHaveLength(1)
    },
  )
})
