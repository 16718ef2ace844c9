// Rows of many series of a part, as a table of assembly/series-rows.ts tells them, and the blocks that
// have them: decoded column by column, the blocks of a row group at a time.

import { GROUP_BLOCKS } from '../segment/footer.ts'
import { GROUP_ROWS, type PartContext, type PartView } from './part-view.ts'
import type { Execution } from '../step.ts'

/** Blocks of a row group with rows of the table. */
interface TouchedGroup {
  readonly group: number
  readonly touched: Uint32Array
}

export class TouchedRows {
  /** After `settle`. */
  rows = 0
  private readonly context: PartContext
  private readonly view: PartView
  private readonly table: number
  /** Pointer of u8[GROUP_BLOCKS]. */
  private readonly touched: number
  private count = 0
  private groups: TouchedGroup[] | null = null

  /** Regions are the caller's; `touched` has room for GROUP_BLOCKS bytes. */
  constructor(context: PartContext, view: PartView, table: number, touched: number) {
    this.context = context
    this.view = view
    this.table = table
    this.touched = touched
  }

  /** Goes on with the first `count` series of the table. */
  settle(count: number): void {
    const { kernel, memory } = this.context.instance
    const { u32 } = memory
    const counts = (this.table + kernel.MANY_COUNTS.value) >>> 2
    this.count = count
    this.groups = null
    this.rows = 0
    for (let i = 0; i < count; i++) this.rows += u32[counts + i]!
  }

  /** Decodes a column (0 = the times): true if some row may be null. */
  *decode(column: number, values: number, valid: number): Execution<boolean> {
    const { view, table, count } = this
    let hasNulls = false
    this.groups ??= this.touchedGroups()
    for (const { group, touched } of this.groups) {
      while (!view.enterColumn(column, group)) yield* view.fetch()
      while (!view.holdBlocks(column, touched)) yield* view.fetch()
      if (view.decodeMany(column, { table, count, touched }, values, valid)) hasNulls = true
    }
    return hasNulls
  }

  private touchedGroups(): TouchedGroup[] {
    const groups: TouchedGroup[] = []
    if (this.rows === 0) return groups
    const { table, count, touched } = this
    const { kernel, memory } = this.context.instance
    const { u8, u32 } = memory
    const starts = table >>> 2
    const counts = (table + kernel.MANY_COUNTS.value) >>> 2
    let first = 0
    while (u32[counts + first] === 0) first++
    let last = count - 1
    while (u32[counts + last] === 0) last--
    const end = u32[starts + last]! + u32[counts + last]!
    for (let base = floorGroup(u32[starts + first]!); base < end; base += GROUP_ROWS) {
      u8.fill(0, touched, touched + GROUP_BLOCKS)
      kernel.manyTouched(table, count, base, GROUP_BLOCKS, touched)
      const blocks: number[] = []
      for (let block = 0; block < GROUP_BLOCKS; block++) {
        if (u8[touched + block] === 1) blocks.push(block)
      }
      if (blocks.length === 0) continue
      groups.push({ group: base / GROUP_ROWS, touched: Uint32Array.from(blocks) })
    }
    return groups
  }
}

function floorGroup(row: number): number {
  return row - (row % GROUP_ROWS)
}
