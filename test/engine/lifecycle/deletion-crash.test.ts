// A scripted run of writes, deletes, flushes, merges and new starts, once for each storage call that it
// makes: the machine stops in that call, or the call fails. An acknowledged delete must hold, one that
// was not must be there wholly or not at all, and nothing that was deleted may come back later, when
// what is left has been flushed, merged and opened again. `OMENDB_DELETE_STRIDE=1` fails every call.

import { expect, test } from 'vitest'
import { type Database, type OpenOptions, openDatabase } from '../../../engine/database.ts'
import type { DeleteOptions } from '../../../engine/database-types.ts'
import { OmenError } from '../../../engine/error.ts'
import { type SimulatedHost, simulatedHost } from '../../simulated-host.ts'
import { SimulatedCrash, SimulatedDisk } from '../../simulated-storage.ts'

const STRIDE = Number(process.env['OMENDB_DELETE_STRIDE'] ?? 5)
const HOSTS = ['a', 'b', 'c']
const ROWS = 40
const OPTIONS: OpenOptions = {
  memoryBytes: 32 << 20,
  memtableRowBytes: 1 << 15,
  memtableArenaBytes: 1 << 12,
  logBytes: 1 << 15,
  cacheBytes: 1 << 20,
  limits: { timeoutMs: 1e12 },
}

/** Value by "host time". */
type State = ReadonlyMap<string, number>

interface Step {
  readonly run: (db: Database) => Promise<unknown>
  readonly apply: (state: State) => State
}

/** Points of all hosts at the times [start, end). */
function write(value: number, start: number, end: number): Step {
  const points = new Map<string, number>()
  for (const host of HOSTS) for (let t = start; t < end; t++) points.set(`${host} ${t}`, value + t)
  const lines = [...points].map(([key, v]) => `m,host=${key.replace(' ', ` v=${v} `)}`)
  return {
    run: (db) => {
      const batch = db.batch({ precision: 'ns' })
      batch.lineProtocol(new TextEncoder().encode(lines.join('\n')))
      return batch.commit()
    },
    apply: (state) => new Map([...state, ...points]),
  }
}

function remove(
  options: DeleteOptions,
  isGone: (host: string, time: number, value: number) => boolean,
): Step {
  return {
    run: (db) => db.deleteRows('m', { ...options, precision: 'ns' }),
    apply: (state) =>
      new Map(
        [...state].filter(([key, value]) => {
          const [host, time] = key.split(' ')
          return !isGone(host!, Number(time), value)
        }),
      ),
  }
}

const same = (state: State): State => state
const flush: Step = { run: (db) => db.flush(), apply: same }
const compact: Step = { run: (db) => db.compact(), apply: same }

const SCRIPT: readonly Step[] = [
  write(1000, 0, ROWS),
  remove({ start: '10', end: '12' }, (_host, t) => t >= 10 && t < 12),
  flush,
  remove({ where: "host = 'b'", end: '20' }, (host, t) => host === 'b' && t < 20),
  write(2000, 5, 15),
  remove({ where: 'v > 2008 and v < 2012' }, (_host, _t, v) => v > 2008 && v < 2012),
  flush,
  compact,
  remove({ where: 'v < 1003 or v = 1030' }, (_host, _t, v) => v < 1003 || v === 1030),
  write(3000, 0, 2),
  compact,
  flush,
  remove({ start: '0', end: '40' }, (_host, t) => t < 40),
  write(4000, 1, 3),
  compact,
]

async function openAt(disk: SimulatedDisk): Promise<[Database, SimulatedHost]> {
  const host = await simulatedHost(disk.open(), disk.seed)
  return [await openDatabase(host, OPTIONS), host]
}

async function stateOf(db: Database): Promise<State> {
  const found = new Map<string, number>()
  try {
    const answer = await db.query({ table: 'm' })
    for (const { tags, time, fields } of answer.series) {
      for (const [i, at] of time.entries()) {
        found.set(`${tags.get('host')} ${at}`, Number(fields[0]!.values[i]))
      }
    }
  } catch (error) {
    if (!(error instanceof OmenError) || error.code !== 'not_found') throw error
  }
  return found
}

const textOf = (state: State): string =>
  JSON.stringify([...state].sort(([a], [b]) => (a < b ? -1 : 1)))

/** Runs the script with a fault in one call: what may be there then. */
async function runScript(disk: SimulatedDisk): Promise<State[]> {
  let possible: State[] = [new Map()]
  const [db, host] = await openAt(disk)
  for (const step of SCRIPT) {
    const after = possible.map((state) => step.apply(state))
    try {
      await step.run(db)
      possible = after
    } catch (error) {
      if (!(error instanceof OmenError) && !(error instanceof SimulatedCrash)) throw error
      possible = [...possible, ...after]
      if (disk.hasStopped) return possible
      host.fireTimers()
    }
    if (disk.hasStopped) return possible
  }
  expect(possible.map(textOf)).toContain(textOf(await stateOf(db)))
  return possible
}

async function runWith(call: number, fault: string): Promise<boolean> {
  const disk = new SimulatedDisk(call)
  const where = `${fault} in call ${call}`
  if (fault === 'crash') disk.crashAt(call)
  else disk.failAt(call, fault)
  let possible: State[] = [new Map()]
  try {
    possible = await runScript(disk)
  } catch (error) {
    // A start that fails has written nothing.
    if (!(error instanceof OmenError) && !(error instanceof SimulatedCrash)) throw error
  }
  const { hasFired } = disk
  if (call % 2 === 0) disk.kill()
  else disk.crash()
  const [again] = await openAt(disk)
  const found = textOf(await stateOf(again))
  expect(possible.map(textOf), where).toContain(found)
  await again.flush()
  await again.compact()
  expect(textOf(await stateOf(again)), `${where}, merged`).toBe(found)
  await again.close()
  const [last] = await openAt(disk)
  expect(textOf(await stateOf(last)), `${where}, opened again`).toBe(found)
  await last.close()
  return hasFired
}

test.each(['crash', 'EIO', 'ENOSPC'])(
  '%s in each storage call leaves every delete whole, and brings nothing back',
  { timeout: 600_000 },
  async (fault) => {
    let call = 1 + (fault.length % STRIDE)
    let runs = 0
    for (; await runWith(call, fault); call += STRIDE) runs++
    expect(call).toBeGreaterThan(100)
    expect(runs).toBeGreaterThan(5)
  },
)
