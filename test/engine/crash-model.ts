// What a database may show after failures. Every change is an operation in the order of the log
// with what is known of it: acknowledged, unknown (no answer, an error), or acknowledged in memory.
// Values name the operation that wrote them, so that what is found says which operations happened:
// an acknowledged one that is missing, half a batch, an old value over a newer one or anything that
// nobody wrote is found (docs/durability.md, "Promises").

import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { Ack } from '../../engine/ingest/batch.ts'

export const DATABASES = ['default', 'other']
export const TABLES = ['t0', 't1']

type Value = number | bigint | string
/** By "database table series time field". */
export type Cells = ReadonlyMap<string, Value>

export interface Operation {
  readonly id: number
  /** What it writes; null: it drops a table. */
  readonly cells: Cells | null
  /** "database table " of a drop. */
  readonly prefix: string
  /** `memory` may be lost in a crash as long as nothing behind it is `acked`. */
  state: 'acked' | 'memory' | 'unknown'
}

/** A batch of random points, and the cells that it sets. */
export interface RandomWrite {
  readonly database: string
  readonly lines: string
  readonly cells: Map<string, Value>
}

/** Field values that tell which operation wrote them (booleans only as well as they can). */
function fieldsOf(id: number, random: () => number): [name: string, text: string, value: Value][] {
  const large = 2n ** 63n + BigInt(id)
  const all: [string, string, Value][] = [
    ['x', `${id}.5`, id + 0.5],
    ['n', `${-BigInt(id) - 2n ** 62n}i`, -BigInt(id) - 2n ** 62n],
    ['u', `${large}u`, large],
    ['b', id % 2 === 0 ? 'true' : 'false', id % 2 === 0 ? 1 : 0],
    ['s', `"${'é'.repeat(id % 5)}${id}"`, `${'é'.repeat(id % 5)}${id}`],
  ]
  const kept = all.filter(() => random() < 0.5)
  return kept.length > 0 ? kept : all.slice(0, 1)
}

export function randomWrite(id: number, rowsMax: number, random: () => number): RandomWrite {
  const below = (n: number): number => Math.floor(random() * n)
  const database = DATABASES[below(2)]!
  const cells = new Map<string, Value>()
  const lines: string[] = []
  for (let i = 1 + below(rowsMax); i > 0; i--) {
    const [table, host] = [TABLES[below(2)]!, `h${below(4)}`]
    const time = below(60) * 20_000_000_000_000
    const fields = fieldsOf(id, random)
    lines.push(`${table},host=${host} ${fields.map(([n, text]) => `${n}=${text}`)} ${time}`)
    for (const [name, , value] of fields) {
      cells.set(`${database} ${table} ${host} ${time} ${name}`, value)
    }
  }
  return { database, lines: lines.join('\n'), cells }
}

export async function commit(db: Database, write: RandomWrite, ack: Ack = 'fsync'): Promise<void> {
  const batch = db.batch({ database: write.database })
  batch.lineProtocol(new TextEncoder().encode(write.lines))
  await batch.commit(ack)
}

/** Everything that the database shows. */
export async function readCells(db: Database): Promise<Cells> {
  const cells = new Map<string, Value>()
  for (const database of DATABASES) {
    for (const table of TABLES) {
      const answer = await db.query({ table }, { database }).catch(absent)
      for (const { tags, time, fields } of answer?.series ?? []) {
        for (const [i, { values, valid }] of fields.entries()) {
          const { name } = answer!.columns[i + 1]!
          for (const [row, at] of time.entries()) {
            if (valid !== null && valid[row] === 0) continue
            cells.set(`${database} ${table} ${tags.get('host')} ${at} ${name}`, values[row]!)
          }
        }
      }
    }
  }
  return cells
}

export function absent(error: unknown): null {
  if (error instanceof OmenError && error.code === 'not_found') return null
  throw error
}

/** What is known of a database: a state it was seen in, and what was asked of it since. */
export class History {
  private base: Cells = new Map()
  private operations: Operation[] = []
  private nextId = 1

  takeId(): number {
    return this.nextId++
  }

  /** Notes an operation in the order of its call; its state is unknown until it is answered. */
  add(id: number, cells: Cells | null, prefix = ''): Operation {
    const operation: Operation = { id, cells, prefix, state: 'unknown' }
    this.operations.push(operation)
    return operation
  }

  /** What a live database must show when nothing is unknown or under way. */
  expected(): Cells {
    return apply(
      this.base,
      this.operations.filter(({ state }) => state !== 'unknown'),
    )
  }

  /** Everything answered so far is durable: a flush or a later acknowledged write said so. */
  synced(before: Operation | null = null): void {
    for (const operation of this.operations) {
      if (operation === before) return
      if (operation.state === 'memory') operation.state = 'acked'
    }
  }

  /** Memory is lost: what was acknowledged in it alone may be gone. */
  crashed(): void {
    const last = this.operations.findLastIndex(({ state }) => state === 'acked')
    this.operations.forEach((operation, i) => {
      if (operation.state === 'memory') operation.state = i < last ? 'acked' : 'unknown'
    })
  }

  /** Null if what was found can be explained, else what cannot. */
  check(found: Cells): string | null {
    const drops = this.operations.filter(
      ({ cells, state }) => cells === null && state === 'unknown',
    )
    let first: string | null = null
    for (let choice = 0; choice < 2 ** drops.length; choice++) {
      const skipped = new Set(drops.filter((_, i) => ((choice >> i) & 1) === 0))
      const fault = explain(
        this.base,
        this.operations.filter((operation) => !skipped.has(operation)),
        found,
      )
      if (fault === null) return null
      first ??= fault
    }
    return first
  }

  /** What was seen after a restart stays. */
  settle(found: Cells): void {
    this.base = found
    this.operations = []
  }
}

function apply(base: Cells, operations: readonly Operation[]): Cells {
  const cells = new Map(base)
  for (const { cells: written, prefix } of operations) {
    if (written !== null) for (const [key, value] of written) cells.set(key, value)
    else for (const key of [...cells.keys()]) if (key.startsWith(prefix)) cells.delete(key)
  }
  return cells
}

/** Every drop in `operations` happened; writes that are unknown may have. */
function explain(base: Cells, operations: readonly Operation[], found: Cells): string | null {
  const happened = new Map<Operation, boolean>()
  const keys = new Set([...base.keys(), ...found.keys()])
  for (const { cells } of operations) for (const key of cells?.keys() ?? []) keys.add(key)
  // A boolean may have been written by several, so it is judged by what the others have shown.
  const ordered = [...keys].sort((a, b) => Number(a.endsWith(' b')) - Number(b.endsWith(' b')))
  for (const key of ordered) {
    const fault = explainCell(key, base.get(key), operations, found.get(key), happened)
    if (fault !== null) return fault
  }
  return null
}

function explainCell(
  key: string,
  base: Value | undefined,
  operations: readonly Operation[],
  found: Value | undefined,
  happened: Map<Operation, boolean>,
): string | null {
  const skipped: Operation[] = []
  // From the newest: what wrote the value, with all that is newer not happened.
  for (const operation of [...operations].reverse()) {
    const { cells, prefix, state, id } = operation
    if (cells === null ? !key.startsWith(prefix) : !cells.has(key)) continue
    const value = cells?.get(key)
    const must = cells === null || state !== 'unknown' || happened.get(operation) === true
    if (value === found && happened.get(operation) !== false) {
      if (cells !== null && !key.endsWith(' b')) happened.set(operation, true)
      return noneHappened(key, skipped, happened)
    }
    if (must) return `${key}: found ${found}, but ${state} operation ${id} left ${value}`
    skipped.push(operation)
  }
  if (base !== found) return `${key}: found ${found}, which nobody wrote; it was ${base}`
  return noneHappened(key, skipped, happened)
}

function noneHappened(
  key: string,
  skipped: readonly Operation[],
  happened: Map<Operation, boolean>,
): string | null {
  for (const operation of skipped) {
    if (happened.get(operation) === true) return `${key}: half of operation ${operation.id}`
    happened.set(operation, false)
  }
  return null
}
