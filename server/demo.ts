// Sample data for people who look around: table `cpu` in the shape of TSBS's devops set (10 hosts,
// its 10 CPU fields, a point every 10 s). Every value is a function of host, field and step alone
// (value noise: hashed lattice points, joined by lines), so two runs agree on every step and a
// restarted server goes on where it stopped.

import type { Database } from '../engine/database.ts'
import type { ColumnPoints } from '../engine/ingest/batch.ts'
import { OmenError } from '../engine/error.ts'
import type { FieldType } from '../engine/field.ts'

const FLOAT: FieldType = 0

export const DEMO_TABLE = 'cpu'
export const DEMO_HOST_COUNT = 10
/** Nanoseconds between two points of a host. */
export const DEMO_STEP = 10_000_000_000n
const DEMO_STEP_MS = 10_000
/** Steps in the day before now: what an empty directory gets. */
export const DEMO_HISTORY_STEPS = 8_640
/** Steps in one commit: small enough for a Worker's staging memory. */
const COMMIT_STEPS = 720

/** Share of the processor that each field takes at most; idle is what is left of 100. */
const FIELD_CAPS: readonly (readonly [name: string, cap: number])[] = [
  ['usage_user', 45],
  ['usage_system', 20],
  ['usage_idle', 0],
  ['usage_nice', 5],
  ['usage_iowait', 15],
  ['usage_irq', 3],
  ['usage_softirq', 5],
  ['usage_steal', 3],
  ['usage_guest', 2],
  ['usage_guest_nice', 1],
]

/** The fields of TSBS, in its order. */
export const DEMO_FIELDS: readonly string[] = FIELD_CAPS.map(([name]) => name)

const REGIONS = ['eu-central-1', 'us-east-1', 'us-west-2', 'ap-southeast-2'] as const
const SYSTEMS = ['Debian12', 'Ubuntu24.04', 'Ubuntu22.04'] as const

/** Tags of host number `host` (0 to 9). */
export function demoTags(host: number): Map<string, string> {
  const region = REGIONS[host % REGIONS.length]!
  return new Map([
    ['datacenter', `${region}${'abc'[host % 3]!}`],
    ['hostname', `host_${host}`],
    ['os', SYSTEMS[host % SYSTEMS.length]!],
    ['region', region],
  ])
}

/** 32 mixed bits of three numbers (the finalizer of MurmurHash3), in [0, 1). */
function hashed(stream: number, octave: number, point: number): number {
  let bits = Math.imul(stream + 1, 0x9e3779b1) ^ Math.imul(octave + 1, 0x85ebca77)
  bits = (bits ^ Math.imul(point + 1, 0xc2b2ae3d)) >>> 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return ((bits ^ (bits >>> 16)) >>> 0) / 4_294_967_296
}

/** Steps between lattice points (6 h, 1 h, 5 min, 10 s) and the weight of each; weights sum to 1. */
const OCTAVES: readonly (readonly [period: number, weight: number])[] = [
  [2160, 0.35],
  [360, 0.3],
  [30, 0.25],
  [1, 0.1],
]

/** A bounded walk in [0, 1): where stream number `stream` is at `step`, without its history. */
function walk(stream: number, step: number): number {
  let sum = 0
  for (const [octave, [period, weight]] of OCTAVES.entries()) {
    const point = Math.floor(step / period)
    const share = (step - point * period) / period
    const from = hashed(stream, octave, point)
    const to = share === 0 ? from : hashed(stream, octave, point + 1)
    sum += weight * (from + (to - from) * share)
  }
  return sum
}

/** How busy a host is on the whole, 0.1 to 0.9; `host_8` is the busiest. */
const loadOf = (host: number): number => 0.1 + (((host * 7 + 3) % 10) / 9) * 0.8

/**
 * Fills `targets` (one array per field, in the order of DEMO_FIELDS) with the values of a host at
 * `count` steps from `firstStep` on: percentages with two decimals, each host's sum is 100.
 */
export function demoValues(
  host: number,
  firstStep: number,
  count: number,
  targets: readonly Float64Array[],
): void {
  const load = 0.6 * loadOf(host)
  for (let index = 0; index < count; index++) {
    let busy = 0
    for (const [field, [, cap]] of FIELD_CAPS.entries()) {
      const stream = host * FIELD_CAPS.length + field
      // In hundredths, as integers: a sum of these is exact.
      const hundredths = Math.round(cap * 100 * (load + 0.4 * walk(stream, firstStep + index)))
      busy += hundredths
      targets[field]![index] = hundredths / 100
    }
    targets[2]![index] = (10_000 - busy) / 100
  }
}

/** Points of one host, ready for a batch. */
function demoPoints(host: number, firstStep: number, count: number): ColumnPoints {
  const columns = DEMO_FIELDS.map(() => new Float64Array(count))
  demoValues(host, firstStep, count, columns)
  const times = new BigInt64Array(count)
  for (let index = 0; index < count; index++) {
    times[index] = BigInt(firstStep + index) * DEMO_STEP
  }
  const fields = columns.map((values, field) => {
    return { name: DEMO_FIELDS[field]!, type: FLOAT, values, valid: null, declared: true }
  })
  return { table: DEMO_TABLE, tags: demoTags(host), times, fields }
}

/** Writes steps [start, end) of all hosts. */
async function writeSteps(db: Database, start: number, end: number): Promise<void> {
  for (let from = start; from < end; from += COMMIT_STEPS) {
    const batch = db.batch()
    try {
      const count = Math.min(COMMIT_STEPS, end - from)
      for (let host = 0; host < DEMO_HOST_COUNT; host++) {
        batch.points(demoPoints(host, from, count))
      }
      await batch.commit()
    } catch (error) {
      batch.discard()
      throw error
    }
  }
}

/** The newest step that is not in the future. `now` in nanoseconds. */
const stepAt = (now: bigint): number => Number(now / DEMO_STEP)

/** The step up to which the demo's data is there; null if some of it is missing or is not ours. */
async function lastStep(db: Database): Promise<number | null> {
  const hosts = Array.from({ length: DEMO_HOST_COUNT }, (_, host) => `host_${host}`)
  const answer = await db.latest({
    table: DEMO_TABLE,
    where: { hostname: hosts },
    select: [...DEMO_FIELDS],
  })
  const steps = new Map<string, number>()
  for (const { tags, time, fields } of answer.series) {
    const host = hosts.indexOf(tags.get('hostname') ?? '')
    const step = Number(time[0]! / DEMO_STEP)
    const own = demoPoints(host, step, 1)
    const isOurs =
      time[0] === own.times[0] &&
      tags.size === own.tags.size &&
      [...own.tags].every(([key, value]) => tags.get(key) === value) &&
      own.fields.every(({ values }, field) => fields[field]?.values[0] === values.at(0))
    if (isOurs) steps.set(hosts[host]!, step)
  }
  return steps.size === DEMO_HOST_COUNT ? Math.min(...steps.values()) : null
}

/** Whether there is any data, and the step to go on from if it is an earlier demo's. */
async function findData(db: Database): Promise<{ isEmpty: boolean; step: number | null }> {
  const tables = new Map<string, string[]>()
  for (const database of db.databases()) {
    const names = (await db.tables(database)).map((table) => table.name)
    if (names.length > 0) tables.set(database, names)
  }
  if (tables.size === 0) return { isEmpty: true, step: null }
  if (!tables.get('default')?.includes(DEMO_TABLE)) return { isEmpty: false, step: null }
  try {
    return { isEmpty: false, step: await lastStep(db) }
  } catch (error) {
    // Somebody's own `cpu`: it lacks our columns, or has them as something else.
    if (!(error instanceof OmenError)) throw error
    return { isEmpty: false, step: null }
  }
}

export interface Demo {
  /** `false`: the database holds data that is not the demo's, and was left alone. */
  readonly isRunning: boolean
  /** Points written when it started. */
  readonly written: number
  /** Adds no further steps; resolves when the one under way is stored. */
  stop(): Promise<void>
}

/** The clock and timer of the host, so that the demo runs anywhere. */
export interface DemoClock {
  /** Nanoseconds since the epoch. */
  now(): bigint
  /** Calls once after `delayMs`; returns how to call it off. Should not keep a process alive. */
  after(delayMs: number, call: () => void): () => void
}

/**
 * Fills an empty database with the last 24 h, or catches up in one that an earlier demo filled, and
 * then adds each step when it is due. `report` hears of steps that could not be stored; they are
 * tried again with the next one.
 */
export async function startDemo(
  db: Database,
  clock: DemoClock,
  report: (error: unknown) => void,
): Promise<Demo> {
  const { isEmpty, step } = await findData(db)
  if (!isEmpty && step === null) return { isRunning: false, written: 0, stop: async () => {} }

  const end = stepAt(clock.now()) + 1
  const start = Math.max(end - DEMO_HISTORY_STEPS, (step ?? -1) + 1)
  await writeSteps(db, start, end)
  // In segments, so that whoever looks at `stats` or at the files sees what the engine makes of it.
  if (isEmpty) await db.flush()
  const written = Math.max(0, end - start) * DEMO_HOST_COUNT
  return { isRunning: true, written, stop: keepUp(db, clock, Math.max(start, end), report) }
}

/** Adds steps from `next` on as they come due; returns how to stop. */
function keepUp(
  db: Database,
  clock: DemoClock,
  next: number,
  report: (error: unknown) => void,
): () => Promise<void> {
  let isStopped = false
  let cancel = (): void => {}
  let current: Promise<void> = Promise.resolve()

  async function add(): Promise<void> {
    try {
      const end = stepAt(clock.now()) + 1
      await writeSteps(db, Math.max(next, end - DEMO_HISTORY_STEPS), end)
      next = Math.max(next, end)
    } catch (error) {
      report(error)
    }
    schedule()
  }
  function schedule(): void {
    if (isStopped) return
    const dueMs = DEMO_STEP_MS - Number((clock.now() / 1_000_000n) % BigInt(DEMO_STEP_MS))
    cancel = clock.after(dueMs, () => {
      current = add()
    })
  }
  schedule()
  return async () => {
    isStopped = true
    cancel()
    await current
  }
}

/** Path and parameters of the first command that the demo shows, with its answer. */
export const DEMO_QUERY = `/v1/query?table=${DEMO_TABLE}&start=-1h&every=15m&select=mean(usage_user),max(usage_user)`

/**
 * Three commands worth trying, which have answers for as long as the demo runs; the first is
 * DEMO_QUERY. `url` is the server's; with a token they send the one in the shell's OMENDB_TOKEN.
 */
export function demoCommands(url: string, hasToken: boolean): string[] {
  const curl = hasToken ? 'curl -s -H "Authorization: Bearer $OMENDB_TOKEN"' : 'curl -s'
  const latest = `/v1/latest?table=${DEMO_TABLE}&start=-1h&by=region&select=usage_user,usage_idle`
  const raw = `-G ${url}/v1/query -d table=${DEMO_TABLE} -d start=-1h -d limit=5`
  return [
    `${curl} '${url}${DEMO_QUERY}'`,
    `${curl} '${url}${latest}'`,
    `${curl} ${raw} --data-urlencode "where=hostname = 'host_8' AND usage_user > 20"`,
  ]
}
