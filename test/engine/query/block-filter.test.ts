// What summaries say of blocks, by the kernel, against possibleOutcomes over the same summaries and
// against every row: NONE has no row that meets the condition, ALL has no other.

import { expect, test } from 'vitest'
import { ALL, BlockFilter, NONE, SOME, nextStretch } from '../../../engine/query/block-filter.ts'
import type { Condition, RowColumn, Truth } from '../../../engine/query/condition.ts'
import { MAY_HOLD } from '../../../engine/query/condition.ts'
import { type ColumnSummary, possibleOutcomes } from '../../../engine/query/mask.ts'
import type { PartView } from '../../../engine/query/part-view.ts'
import { openKernel, seededRandom } from '../../kernel.ts'

const instance = await openKernel()
const { kernel, memory } = instance
const BLOCKS = 12
const ROWS = 40
const ENTRY = 96
const VIEW_COLUMN = 264
/** Types of the columns: the time, then fields. */
const TYPES = [5, 0, 1, 2, 3]
const SPECIAL = [NaN, -0, 0, Infinity, -Infinity, 0.1, 1e300, 2 ** 53 + 2, 5e-324]

const view = memory.allocateZeroed(TYPES.length * VIEW_COLUMN).offset
const entries = memory.allocateZeroed(TYPES.length * BLOCKS * ENTRY).offset
const chunk = memory.allocate(1_024 * 9).offset
const target = memory.allocate(20_000).offset

type Cell = bigint | null
const bits = new DataView(new ArrayBuffer(8))
function slotOf(value: number): bigint {
  bits.setFloat64(0, value)
  return bits.getBigUint64(0)
}
function floatOf(slot: bigint): number {
  bits.setBigUint64(0, slot)
  return bits.getFloat64(0)
}

/** Fills a block of a column with cells, slots of its type: its entry. */
function encode(column: number, block: number, cells: readonly Cell[]): void {
  const at = entries + (column * BLOCKS + block) * ENTRY
  cells.forEach((cell, i) => {
    memory.u64[chunk / 8 + i] = cell ?? 0n
    memory.u8[chunk + 8_192 + i] = cell === null ? 0 : 1
  })
  const n = cells.length
  if (column === 0) kernel.encodeTimes(chunk, n, 0, 0, target, 20_000, at)
  else kernel.encodeColumn(TYPES[column]!, chunk, chunk + 8_192, n, target, 20_000, at)
}

function randomSlot(type: number, random: () => number, near: number): bigint {
  if (type === 0) {
    if (random() < 0.1) return slotOf(SPECIAL[Math.floor(random() * SPECIAL.length)]!)
    return slotOf(near + Math.floor(random() * 4) / 2)
  }
  if (type === 3) return BigInt(random() < 0.5 ? near & 1 : Math.floor(random() * 2))
  const some = BigInt(near) + BigInt(Math.floor(random() * 4))
  return BigInt.asUintN(64, type === 1 ? some - 3n : random() < 0.1 ? -some : some)
}

function compare(type: number, a: bigint, b: bigint): number {
  if (type === 0) {
    const [x, y] = [floatOf(a), floatOf(b)]
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
    return x < y ? -1 : x > y ? 1 : 0
  }
  const isSigned = type === 1 || type === 5
  const [x, y] = isSigned ? [BigInt.asIntN(64, a), BigInt.asIntN(64, b)] : [a, b]
  return x < y ? -1 : x > y ? 1 : 0
}

/** The condition of one row. */
function truth(condition: Condition, row: readonly Cell[]): Truth {
  switch (condition.kind) {
    case 'constant':
      return condition.value
    case 'and':
    case 'or': {
      const truths = condition.operands.map((operand) => truth(operand, row))
      const deciding = condition.kind === 'or'
      if (truths.includes(deciding)) return deciding
      return truths.includes(null) ? null : !deciding
    }
    case 'not': {
      const inner = truth(condition.operand, row)
      return inner === null ? null : !inner
    }
    case 'is':
      return truth(condition.operand, row) === condition.value
    case 'null':
      return row[condition.column.id + 1] === null
    case 'compare': {
      const column = condition.column.id + 1
      const cell = row[column]!
      if (cell === null) return null
      const order = compare(TYPES[column]!, cell, condition.slot)
      return (condition.accepted & (order < 0 ? 1 : order === 0 ? 2 : 4)) !== 0
    }
    default:
      throw new Error(condition.kind)
  }
}

function randomCondition(random: () => number, depth: number): Condition {
  const column = Math.floor(random() * TYPES.length)
  const type = TYPES[column]!
  const row = { id: column - 1, type: type === 5 ? 1 : type } as RowColumn
  const kind = depth === 0 ? 0 : Math.floor(random() * 8)
  if (kind === 1) {
    const value = random() < 0.3 ? null : random() < 0.5
    return { kind: 'constant', value }
  }
  if (kind === 2) return { kind: 'not', operand: randomCondition(random, depth - 1) }
  if (kind === 3) {
    return { kind: 'is', operand: randomCondition(random, depth - 1), value: random() < 0.5 }
  }
  if (kind === 4 && column > 0) return { kind: 'null', column: row }
  if (kind >= 5) {
    const operands = [randomCondition(random, depth - 1), randomCondition(random, depth - 1)]
    return { kind: kind === 5 ? 'and' : 'or', operands }
  }
  const accepted = Math.floor(random() * 8)
  const slot = randomSlot(type === 5 ? 1 : type, random, Math.floor(random() * 20))
  return { kind: 'compare', column: row, accepted, slot }
}

test.each(Array.from({ length: 30 }, (_, i) => i + 1))(
  'blocks are decided as their summaries and their rows are, seed %i',
  (seed) => {
    const random = seededRandom(seed)
    // cells[block][column][row]
    const cells: Cell[][][] = []
    for (let block = 0; block < BLOCKS; block++) {
      const start = Math.floor(random() * 20)
      const times = Array.from({ length: ROWS }, (_, i) => BigInt(start + i) - 3n)
      const near = Math.floor(random() * 20)
      const share = [0, 0, 0.3, 1][Math.floor(random() * 4)]!
      const fields = TYPES.slice(1).map((type) =>
        Array.from({ length: ROWS }, () =>
          random() < share ? null : randomSlot(type, random, near),
        ),
      )
      cells.push([times.map((time) => BigInt.asUintN(64, time)), ...fields])
      cells[block]!.forEach((column, index) => encode(index, block, column))
    }
    // A column that the group has nothing of.
    const isGone = random() < 0.2
    TYPES.forEach((type, column) => {
      const page = entries + column * BLOCKS * ENTRY
      memory.u32.set([isGone && column === 2 ? 0 : page, type], (view + column * VIEW_COLUMN) / 4)
    })
    if (isGone) for (const block of cells) block[2]!.fill(null)
    const entry = (column: number, block: number): number =>
      isGone && column === 2 ? 0 : entries + (column * BLOCKS + block) * ENTRY
    const part = { pointer: view, currentGroup: 0, reader: { rows: BLOCKS * 1_024 }, entry }
    const fieldOf = new Map(TYPES.slice(1).map((_, i) => [i, i]))
    const counted = random() < 0.5 ? null : [0, 1]
    const blocks = new BlockFilter(instance, fieldOf, counted)
    for (let round = 0; round < 40; round++) {
      const condition = randomCondition(random, 3)
      const states = blocks.states(condition, part as unknown as PartView)
      expect(blocks.states(condition, part as unknown as PartView)).toBe(states)
      for (let block = 0; block < BLOCKS; block++) {
        const hint = `round ${round}, block ${block}: ${condition.kind}`
        const counts = (row: number): boolean =>
          counted === null || counted.some((field) => cells[block]![field + 1]![row] !== null)
        const holds = Array.from({ length: ROWS }, (_, row) => {
          const isMet = truth(
            condition,
            cells[block]!.map((column) => column[row]!),
          )
          return counts(row) ? isMet === true : null
        })
        const state = states[block]!
        if (state === NONE) expect(holds, hint).not.toContain(true)
        if (state === ALL) expect(holds, hint).not.toContain(false)
        const summary = ({ id }: RowColumn): ColumnSummary => {
          const at = entry(id + 1, block)
          if (at === 0) return { rows: ROWS, count: 0, bounds: null }
          const count = memory.u16[(at + 14) / 2]!
          const bounds = { least: memory.u64[(at + 40) / 8]!, greatest: memory.u64[(at + 48) / 8]! }
          return { rows: ROWS, count, bounds: (memory.u8[at + 17]! & 8) === 0 ? null : bounds }
        }
        const set = possibleOutcomes(condition, summary)
        const hasValue = holds.some((held) => held !== null)
        const expected = (set & MAY_HOLD) === 0 || !hasValue ? NONE : set === MAY_HOLD ? ALL : SOME
        expect(state, hint).toBe(expected)
      }
    }
    blocks.release()
  },
)

test('stretches skip blocks without rows and join blocks of which all rows count', () => {
  const states = Uint8Array.of(NONE, ALL, ALL, SOME, NONE, SOME, ALL)
  const found: number[][] = []
  let from = 100
  for (;;) {
    const next = nextStretch(states, from, 6 * 1_024 + 5)
    if (next === null) break
    found.push([next.from, next.to, next.state])
    from = next.to
  }
  expect(found).toEqual([
    [1_024, 3_072, ALL],
    [3_072, 4_096, SOME],
    [5_120, 6_144, SOME],
    [6_144, 6_149, ALL],
  ])
  expect(nextStretch(states, 7, 500)).toBe(null)
  expect(nextStretch(states, 1_100, 1_200)).toEqual({ from: 1_100, to: 1_200, state: ALL })
})
