// Host side of the tag index (assembly/tag-index.ts): makes room for its columns, and answers which
// series of a table carry which tag values. Predicates run once per distinct value, then per series
// on integers.

import type { Kernel } from '../kernel.ts'
import { KeyTable } from './key-table.ts'
import type { Memory, Region } from '../memory.ts'
import { STEP_SERIES } from './series-groups.ts'
import type { Execution } from '../step.ts'

/** A condition on one tag. `values`, when there, are all that it accepts. */
export interface TagTerm {
  key: string
  values: readonly string[] | null
  /** Depends on the value alone; null = the series lacks the tag. */
  accepts: (value: string | null) => boolean
}

/** How many keys and values there are. */
export interface TagMark {
  readonly keys: number
  readonly values: number
}

interface TagColumn {
  ids: Region
}

const CAPACITY_MIN = 256
const NO_IDS = new Uint32Array()
/** Series compared with one value between two pauses: a quarter of a millisecond. */
const SCAN_SERIES = 262_144
/** Values judged between two pauses. */
const STEP_VALUES = 2_048
/** What is known of a value. */
const ACCEPTED = 1
const JUDGED = 2
const NEW = 4
const encoder = new TextEncoder()
/** Texts of values whose ids are kept. */
const KNOWN_VALUES_MAX = 8_192
const decoder = new TextDecoder()

export class TagIndex {
  private readonly kernel: Kernel
  private readonly memory: Memory
  private readonly keys: KeyTable
  private readonly values: KeyTable
  /** By tag key id. */
  private readonly columns: (TagColumn | null)[] = []
  /** Tag key ids of each table, in the order they came. */
  private readonly tables = new Map<number, number[]>()
  /** Tag key ids that were looked up, by table and key; forgotten when any goes. */
  private readonly known = new Map<number, Map<string, number>>()
  /** Value ids that were looked up, by tag key id and text. */
  private readonly knownValues = new Map<number, Map<string, number>>()
  private knownValueCount = 0

  constructor(kernel: Kernel, memory: Memory) {
    this.kernel = kernel
    this.memory = memory
    this.keys = new KeyTable(kernel, memory, 64)
    this.values = new KeyTable(kernel, memory, 1024)
  }

  /** Enters a series by the pointer of its canonical key; `ordinal` counts from 0 in its table. */
  add(table: number, key: number, length: number, ordinal: number): void {
    const { kernel, keys, values } = this
    while (kernel.tagIndexAdd(keys.pointer, values.pointer, key, length, ordinal) < 0) {
      keys.reserve(1, length + 4)
      values.reserve(1, length + 4)
      this.adoptNewKeys()
      for (const id of this.tables.get(table) ?? []) this.reserveColumn(id, ordinal + 1)
    }
  }

  /** Ordinals (below `seriesCount`) of the series for which every term accepts its tag's value. */
  *match(table: number, terms: readonly TagTerm[], seriesCount: number): Execution<Uint32Array> {
    const [first, ...others] = [...terms].sort((a, b) => costOf(a) - costOf(b))
    if (first === undefined) return allOrdinals(seriesCount)
    let ordinals = yield* this.matchFirst(table, first, seriesCount)
    for (const term of others) ordinals = yield* this.narrow(table, term, ordinals)
    return ordinals
  }

  /** Of one value that a term accepts, the series are found without a list of all. */
  private *matchFirst(table: number, term: TagTerm, seriesCount: number): Execution<Uint32Array> {
    if (term.values?.length !== 1) {
      return yield* this.narrow(table, term, allOrdinals(seriesCount))
    }
    const found: number[] = []
    const wanted = this.valueId(table, term.key, term.values[0]!)
    if (wanted === 0) return new Uint32Array()
    for (let from = 0; from < seriesCount; from += SCAN_SERIES) {
      const ids = this.valueIds(table, term.key) ?? NO_IDS
      const to = Math.min(seriesCount, from + SCAN_SERIES, ids.length)
      for (let i = from; i < to; i++) if (ids[i] === wanted) found.push(i)
      if (to - from === SCAN_SERIES) yield { pause: true }
    }
    const ordinals = new Uint32Array(found.length)
    for (let i = 0; i < found.length; i++) ordinals[i] = found[i]!
    return ordinals
  }

  /**
   * Value ids of a tag by ordinal (0, or beyond the end: absent), null if no series has it; a view
   * that ends with the next growth of memory. All are below `valueCount`.
   */
  valueIds(table: number, key: string): Uint32Array | null {
    const column = this.column(table, key)
    if (column === null) return null
    const start = column.ids.offset >>> 2
    return this.memory.u32.subarray(start, start + (column.ids.size >>> 2))
  }

  get valueCount(): number {
    return this.values.count + 1
  }

  /** How much there is, for `takeBack`. */
  mark(): TagMark {
    return { keys: this.keys.count, values: this.values.count }
  }

  /** Forgets the series of a table from an ordinal on, which will be given again. */
  clear(table: number, ordinal: number): void {
    for (const id of this.tables.get(table) ?? []) {
      const { offset, size } = this.columns[id]!.ids
      if (ordinal * 4 < size) this.memory.u8.fill(0, offset + ordinal * 4, offset + size)
    }
  }

  /** Forgets the keys and values that came after `mark`; no series has them any more. */
  takeBack(mark: TagMark): void {
    this.known.clear()
    this.forgetValues()
    for (const column of this.columns.splice(mark.keys)) {
      if (column !== null) this.memory.release(column.ids)
    }
    for (const [table, ids] of this.tables) {
      if (ids.at(-1)! < mark.keys) continue
      const kept = ids.filter((id) => id < mark.keys)
      if (kept.length > 0) this.tables.set(table, kept)
      else this.tables.delete(table)
    }
    this.keys.truncate(mark.keys)
    this.values.truncate(mark.values)
  }

  /** Forgets the columns of a dropped table. */
  drop(table: number): void {
    this.known.delete(table)
    for (const id of this.tables.get(table) ?? []) {
      this.memory.release(this.columns[id]!.ids)
      this.columns[id] = null
      this.keys.remove(id)
    }
    this.tables.delete(table)
  }

  /** Those of the ordinals, whose place is used for them, that a term accepts. */
  private *narrow(table: number, term: TagTerm, ordinals: Uint32Array): Execution<Uint32Array> {
    if (this.column(table, term.key) === null) {
      const accepts = term.values === null && term.accepts(null)
      return accepts ? ordinals : new Uint32Array()
    }
    const verdicts = this.verdicts(table, term)
    let judged = 0
    let count = 0
    for (let i = 0; i < ordinals.length;) {
      const ids = this.valueIds(table, term.key) ?? NO_IDS
      const to = Math.min(ordinals.length, i + STEP_SERIES)
      for (const before = judged; i < to && judged - before < STEP_VALUES; i++) {
        const verdict = verdicts(ids[ordinals[i]!] ?? 0)
        if ((verdict & NEW) !== 0) judged++
        if ((verdict & ACCEPTED) !== 0) ordinals[count++] = ordinals[i]!
      }
      if (i < ordinals.length) yield { pause: true }
    }
    return ordinals.subarray(0, count)
  }

  /** Whether the term accepts a value id + 1 (0 = absent), in bits; each distinct id is judged once. */
  private verdicts(table: number, term: TagTerm): (id: number) => number {
    if (term.values !== null) {
      const wanted = new Set(term.values.map((value) => this.valueId(table, term.key, value)))
      wanted.delete(0)
      if (wanted.size === 1) {
        const [only] = wanted
        return (id) => (id === only ? ACCEPTED : 0)
      }
      return (id) => (wanted.has(id) ? ACCEPTED : 0)
    }
    // By id: 0 = not judged yet. Values that come later belong to series that do, too.
    const judged = new Uint8Array(this.valueCount)
    return (id) => {
      const known = judged[id] ?? 0
      if (known !== 0) return known
      const accepted = term.accepts(id === 0 ? null : this.valueText(id)) ? ACCEPTED : 0
      judged[id] = accepted | JUDGED
      return accepted | JUDGED | NEW
    }
  }

  /** Value id + 1, or 0 if no series of the table has it. */
  private valueId(table: number, key: string, value: string): number {
    const keyId = this.keyId(table, key)
    if (keyId === -1) return 0
    const before = this.knownValues.get(keyId)?.get(value)
    if (before !== undefined) return before
    const id = this.values.find(pairKey(keyId, value)) + 1
    if (id !== 0) this.keepValue(keyId, value, id)
    return id
  }

  private keepValue(keyId: number, value: string, id: number): void {
    if (this.knownValueCount === KNOWN_VALUES_MAX) this.forgetValues()
    let values = this.knownValues.get(keyId)
    if (values === undefined) this.knownValues.set(keyId, (values = new Map()))
    values.set(value, id)
    this.knownValueCount++
  }

  private forgetValues(): void {
    this.knownValues.clear()
    this.knownValueCount = 0
  }

  private valueText(id: number): string {
    return decoder.decode(this.values.key(id - 1).subarray(4))
  }

  private keyId(table: number, key: string): number {
    let known = this.known.get(table)
    if (known === undefined) this.known.set(table, (known = new Map()))
    const before = known.get(key)
    if (before !== undefined) return before
    const id = this.keys.find(pairKey(table, key))
    if (id !== -1) known.set(key, id)
    return id
  }

  private column(table: number, key: string): TagColumn | null {
    const id = this.keyId(table, key)
    return id === -1 ? null : this.columns[id]!
  }

  private adoptNewKeys(): void {
    for (let id = this.columns.length; id < this.keys.count; id++) {
      const bytes = this.keys.key(id)
      const table = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
      const ids = this.memory.allocateZeroed(CAPACITY_MIN * 4)
      this.columns.push({ ids })
      this.publish(id)
      const known = this.tables.get(table)
      if (known) known.push(id)
      else this.tables.set(table, [id])
    }
  }

  private reserveColumn(id: number, count: number): void {
    const column = this.columns[id]!
    const have = column.ids.size
    if (count * 4 <= have) return
    const size = Math.max(have * 2, count * 4)
    column.ids = this.memory.grow(column.ids, size, have)
    this.memory.u8.fill(0, column.ids.offset + have, column.ids.offset + size)
    this.publish(id)
  }

  private publish(id: number): void {
    const { offset, size } = this.columns[id]!.ids
    this.keys.setPayload(id, 'b', offset)
    this.keys.setPayload(id, 'c', size >>> 2)
  }
}

/** 0 to count; Uint32Array.from would take a hundred times as long. */
function allOrdinals(count: number): Uint32Array {
  const ordinals = new Uint32Array(count)
  for (let i = 0; i < count; i++) ordinals[i] = i
  return ordinals
}

function pairKey(prefix: number, text: string): Uint8Array {
  const bytes = encoder.encode(text)
  const key = new Uint8Array(4 + bytes.length)
  new DataView(key.buffer).setUint32(0, prefix, true)
  key.set(bytes, 4)
  return key
}

/** Terms that leave few series come first. */
function costOf({ values }: TagTerm): number {
  return values === null ? Infinity : values.length
}
