// The plan of a CSV text as the kernel reads it (assembly/csv.ts, CsvPlan): table and columns with
// their names, in one region.

import type { CsvColumn } from './csv-header.ts'
import type { Kernel } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'

const HEAD_WORDS = 8
const COLUMN_WORDS = 8
const NONE = 0xffffffff
const encoder = new TextEncoder()

/** Holds its region until released. */
export class CsvPlan {
  readonly pointer: number
  private readonly memory: Memory
  private region: Region | null

  constructor(kernel: Kernel, memory: Memory, table: string, columns: readonly CsvColumn[]) {
    const roles = {
      time: kernel.CSV_TIME.value,
      tag: kernel.CSV_TAG.value,
      field: kernel.CSV_FIELD.value,
    }
    const names = [table, ...columns.map(({ name }) => name)].map((name) => encoder.encode(name))
    const words = HEAD_WORDS + COLUMN_WORDS * columns.length
    const textBytes = names.reduce((sum, { length }) => sum + length, 0)
    this.memory = memory
    this.region = memory.allocateZeroed(words * 4 + textBytes)
    this.pointer = this.region.offset
    const { u8, u32 } = memory
    let text = this.pointer + words * 4
    const place = (at: number, name: Uint8Array): void => {
      u8.set(name, text)
      u32[at] = text
      u32[at + 1] = name.length
      text += name.length
    }
    const head = this.pointer / 4
    place(head, names[0]!)
    u32[head + 2] = columns.length
    u32[head + 3] = NONE
    columns.forEach(({ role, type }, index) => {
      const at = head + HEAD_WORDS + COLUMN_WORDS * index
      u32[at] = roles[role]
      place(at + 1, names[index + 1]!)
      u32[at + 3] = type ?? NONE
      u32[at + 4] = NONE
    })
  }

  /** Harmless when done twice. */
  release(): void {
    if (this.region !== null) this.memory.release(this.region)
    this.region = null
  }
}
