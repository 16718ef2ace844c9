// Scans of the engine's tables against the same rows in an array, whose conditions are worked out by
// PostgreSQL's rules here: three values, NaN above all numbers, texts by their bytes.

import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../engine/database.ts'
import { fieldTypeOf } from '../../../engine/field.ts'
import type { SqlVector } from '../../../sql/batch.ts'
import type { ScalarFunction } from '../../../sql/function.ts'
import type { Relation, RunContext } from '../../../sql/relation.ts'
import { openSchema } from '../../../sql/tables/table-schema.ts'
import type { Bound } from '../../../sql/tree.ts'
import { typeOf } from '../../../sql/type.ts'
import { SqlArray } from '../../../sql/value.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { SMALL_OPTIONS, simulatedHost } from '../../simulated-host.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { surroundings } from '../bind-setup.ts'

type Cell = string | number | bigint | boolean | null
type Row = Record<string, Cell>

const COLUMNS: Readonly<Record<string, string>> = {
  time: 'timestamptz',
  host: 'text',
  rack: 'text',
  Load: 'float8',
  n: 'int8',
  note: 'text',
  up: 'bool',
}
const NAMES = Object.keys(COLUMNS)
const VALUES: Readonly<Record<string, readonly Cell[]>> = {
  time: [-(2n ** 63n) + 2n, -5n, 0n, 1n, 7n, 20n, 2n ** 63n - 2n],
  host: ['a', 'b', "it's", 'é', '😀'],
  rack: ['', 'r1', null, null],
  Load: [0, -0, 1.5, -3, 1e21, 5e-324, Number.NaN, Infinity, -Infinity, null],
  n: [0n, 1n, -1n, -(2n ** 63n), 2n ** 63n - 1n, null],
  note: ['', 'x', 'a%b', 'line\nbreak', "q'q", null],
  up: [true, false, null],
}
const RUN: RunContext = {
  surroundings,
  check: () => undefined,
  pause: async () => undefined,
  hold: () => undefined,
}

const bool = typeOf('bool')
const operator = (name: string): ScalarFunction => ({
  name,
  arguments: [],
  isVariadic: false,
  result: bool,
  isStrict: true,
  volatility: 'immutable',
  evaluate: () => {
    throw new Error(`${name} is not evaluated here`)
  },
})

/** -1, 0, 1 as PostgreSQL orders two values of one type in the C collation. */
function compare(a: Exclude<Cell, null>, b: Exclude<Cell, null>): number {
  if (typeof a === 'string')
    return Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(String(b))))
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a < b ? -1 : a > b ? 1 : 0
}

const OPERATORS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
}

function applied(name: string, left: Cell, right: Cell): boolean | null {
  if (left === null || right === null) return null
  if (!name.endsWith('~~')) return OPERATORS[name]!(compare(left, right))
  const pattern = String(right).replaceAll(/[$.*+?^(){}|[\]]/g, '\\$&')
  const isMatch = new RegExp(`^${pattern.replaceAll('%', '.*').replaceAll('_', '.')}$`, 'su')
  return isMatch.test(String(left)) === (name === '~~')
}

function anyOf(outcomes: readonly Cell[]): Cell {
  return outcomes.includes(true) ? true : outcomes.includes(null) ? null : false
}

const inverse = (value: Cell): Cell => (value === null ? null : !value)

function evaluate(node: Bound, row: Row): Cell {
  switch (node.kind) {
    case 'constant':
      return node.value as Cell
    case 'input':
      return row[NAMES[node.index]!]!
    case 'not':
      return inverse(evaluate(node.operand, row))
    case 'or':
      return anyOf(node.operands.map((operand) => evaluate(operand, row)))
    case 'and':
      return inverse(anyOf(node.operands.map((operand) => inverse(evaluate(operand, row)))))
    case 'is': {
      const value = evaluate(node.operand, row)
      const holds = node.test === 'null' ? value === null : value === (node.test === 'true')
      return holds !== node.negated
    }
    case 'call': {
      const [left, right] = node.arguments
      return applied(node.function.name, evaluate(left!, row), evaluate(right!, row))
    }
    case 'quantified': {
      const left = evaluate(node.left, row)
      const { values } = (node.array as { value: unknown }).value as SqlArray
      if (node.quantifier === 'any') return anyOf(values.map((v) => applied('=', left, v as Cell)))
      return inverse(anyOf(values.map((v) => applied('=', left, v as Cell))))
    }
    default:
      throw new Error(`no condition: ${node.kind}`)
  }
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.int(items.length)]!
}

/** Times that no point can have, but constants can. */
const BEYOND = [-(2n ** 63n), 2n ** 63n - 1n]

function constant(random: Random, name: string): Bound {
  const values = name === 'time' ? [...VALUES[name]!, ...BEYOND] : VALUES[name]!
  return { kind: 'constant', type: typeOf(COLUMNS[name]!), value: pick(random, values) }
}

/** A condition over a random column; more than half of them can be pushed down. */
function condition(random: Random, depth: number): Bound {
  if (depth > 0 && random.int(2) === 0) {
    const operands = [condition(random, depth - 1), condition(random, depth - 1)]
    const kind = pick(random, ['and', 'or', 'not'] as const)
    return kind === 'not'
      ? { kind, type: bool, operand: operands[0]! }
      : { kind, type: bool, operands }
  }
  const index = random.int(NAMES.length)
  const name = NAMES[index]!
  const input: Bound = { kind: 'input', type: typeOf(COLUMNS[name]!), index }
  const form = random.int(name === 'time' ? 4 : 8)
  if (form < 4) {
    const right = constant(random, name)
    const arguments_ = random.int(3) === 0 ? [right, input] : [input, right]
    const function_ = operator(pick(random, Object.keys(OPERATORS)))
    return { kind: 'call', type: bool, function: function_, arguments: arguments_, position: 0 }
  }
  if (form === 4 && name === 'up') return input
  if (form === 5 && COLUMNS[name] === 'text') {
    const pattern: Bound = {
      kind: 'constant',
      type: typeOf('text'),
      value: pick(random, ['a%', '_', '%', '', "%'%", 'é', 'a%b', 'x_']),
    }
    const function_ = operator(pick(random, ['~~', '!~~']))
    return {
      kind: 'call',
      type: bool,
      function: function_,
      arguments: [input, pattern],
      position: 0,
    }
  }
  if (form === 6) {
    const quantifier = pick(random, ['any', 'all'] as const)
    const values = Array.from({ length: random.int(4) }, () => pick(random, VALUES[name]!))
    const value = new SqlArray(input.type, values)
    const array: Bound = { kind: 'constant', type: typeOf(`_${COLUMNS[name]!}`), value }
    const function_ = operator(quantifier === 'any' ? '=' : '<>')
    return {
      kind: 'quantified',
      type: bool,
      quantifier,
      operator: function_,
      left: input,
      array,
      position: 0,
    }
  }
  const test_ = name === 'up' ? pick(random, ['null', 'true', 'false'] as const) : 'null'
  return { kind: 'is', type: bool, operand: input, test: test_, negated: random.int(2) === 0 }
}

function valueAt({ values, valid }: SqlVector, row: number, type: string): Cell {
  if (valid !== null && valid[row] === 0) return null
  const value = values[row] as Cell
  return type === 'bool' ? value === 1 : value
}

async function readAll(relation: Relation, columns: number[], conditions: Bound[]): Promise<Row[]> {
  const scan = relation.scan({ columns, conditions, limit: null }, surroundings)
  const rows: Row[] = []
  for await (const batch of scan.batches(RUN)) {
    for (let i = 0; i < batch.rowCount; i++) {
      const cells = columns.map((column, at): [string, Cell] => {
        const name = NAMES[column]!
        return [name, valueAt(batch.columns[at]!, i, COLUMNS[name]!)]
      })
      rows.push(Object.fromEntries(cells))
    }
  }
  return rows
}

/** -0 is 0 to a reader here, as both compare equal; keys that are not read are left out. */
function keyOf(row: Row, columns: readonly number[]): string {
  const cells = columns.map((column) => row[NAMES[column]!]!)
  return cells.map((cell) => `${typeof cell} ${cell}`).join('\u0001')
}

function writeRow(db: Database, row: Row): Promise<unknown> {
  const batch = db.batch()
  const tags = (['host', 'rack'] as const).flatMap((name): [string, string][] =>
    row[name] === null || row[name] === '' ? [] : [[name, String(row[name])]],
  )
  const arrays = {
    Load: { type: 'float', of: (v: Cell) => Float64Array.of(v as number) },
    n: { type: 'integer', of: (v: Cell) => BigInt64Array.of(v as bigint) },
    note: { type: 'string', of: (v: Cell) => [v as string] },
    up: { type: 'boolean', of: (v: Cell) => Uint8Array.of(Number(v)) },
  } as const
  const fields = Object.entries(arrays).flatMap(([name, { type, of }]) =>
    row[name] === null
      ? []
      : [
          {
            name,
            type: fieldTypeOf(type)!,
            values: of(row[name]!),
            valid: null,
            declared: true,
            isComputed: true,
          },
        ],
  )
  batch.points({
    table: 't',
    tags: new Map(tags),
    times: BigInt64Array.of(row['time'] as bigint),
    fields,
  })
  return batch.commit('memory')
}

/** A table of random rows, one a series and time, and the same rows in an array. */
async function fill(random: Random, count: number): Promise<{ relation: Relation; rows: Row[] }> {
  const db = await openDatabase(await simulatedHost(new SimulatedDisk(1).open()), SMALL_OPTIONS)
  const rows = new Map<string, Row>()
  for (let i = 0; i < count; i++) {
    const cells = NAMES.map((name): [string, Cell] => [name, pick(random, VALUES[name]!)])
    const row = Object.fromEntries(cells)
    if (row['rack'] === '') row['rack'] = null
    if (['Load', 'n', 'note', 'up'].every((name) => row[name] === null)) row['n'] = 1n
    const key = [row['time'], row['host'], row['rack']].join('\u0001')
    if (rows.has(key)) continue
    rows.set(key, row)
    await writeRow(db, row)
    if (i === count >> 1) await db.flush()
  }
  const relation = (await openSchema(db, 'default', ['t'])).relation(null, 't')!
  expect(relation.columns.map(({ name }) => name)).toEqual(NAMES)
  return { relation, rows: [...rows.values()] }
}

test.each(seedsOf(4))('seed %i: scans have the rows that conditions mean', async (seed) => {
  const random = randomOf(seed)
  const { relation, rows } = await fill(random, 120)
  let pushed = 0
  for (let i = 0; i < 150; i++) {
    const conditions = Array.from({ length: random.int(3) }, () => condition(random, 2))
    const all = NAMES.map((_, index) => index)
    const { left } = relation.scan({ columns: all, conditions, limit: null }, surroundings)
    pushed += conditions.length - left.length
    // What is left is done here as the executor does it, over all columns.
    const found = await readAll(relation, all, conditions)
    const kept = found.filter((row) => left.every((one) => evaluate(one, row) === true))
    const wanted = rows.filter((row) => conditions.every((one) => evaluate(one, row) === true))
    const keys = (list: readonly Row[]) => list.map((row) => keyOf(row, all)).toSorted()
    expect(keys(kept), JSON.stringify(conditions, printBig)).toEqual(keys(wanted))
    if (left.length > 0) continue
    const some = all.filter(() => random.int(3) === 0)
    const read = await readAll(relation, some, conditions)
    const narrow = (list: readonly Row[]) => list.map((row) => keyOf(row, some)).toSorted()
    expect(narrow(read), JSON.stringify(conditions, printBig)).toEqual(narrow(wanted))
  }
  expect(pushed).toBeGreaterThan(40)
})

const printBig = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? `${value}n` : value

test('a scan cuts long series and puts short ones together, and stops at its limit', async () => {
  const db = await openDatabase(await simulatedHost(new SimulatedDisk(1).open()), SMALL_OPTIONS)
  const lines = Array.from({ length: 500 }, (_, i) => `t,host=h${i} big=7u,v=${i} ${i}`)
  const long = Array.from({ length: 10_000 }, (_, i) => `t,host=long v=${i} ${i}`)
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode([...lines, ...long].join('\n')))
  await batch.commit('memory')
  const relation = (await openSchema(db, 'default', ['t', 'none'])).relation('public', 't')!
  const counts = async (limit: number | null): Promise<number[]> => {
    const scan = relation.scan({ columns: [0, 1, 2], conditions: [], limit }, surroundings)
    const found: number[] = []
    for await (const { rowCount, columns } of scan.batches(RUN)) {
      expect(columns.map(({ values }) => values.length)).toEqual([rowCount, rowCount, rowCount])
      found.push(rowCount)
    }
    return found
  }
  expect(await counts(null)).toEqual([4096, 4096, 2308])
  expect(await counts(5000)).toEqual([4096, 904])
  expect(await counts(0)).toEqual([])
  const { values, valid } = await firstOf(relation, 2)
  expect([String((values as unknown[])[0]), valid?.at(-1)]).toEqual(['7', 0])
})

async function firstOf(relation: Relation, column: number): Promise<SqlVector> {
  const scan = relation.scan({ columns: [column], conditions: [], limit: null }, surroundings)
  for await (const { columns } of scan.batches(RUN)) return columns[0]!
  throw new Error('no rows')
}

test('a name that is no table is no relation', async () => {
  const db = await openDatabase(await simulatedHost(new SimulatedDisk(1).open()), SMALL_OPTIONS)
  const schema = await openSchema(db, 'default', ['none'])
  expect(schema.relation(null, 'none')).toBe(null)
})
