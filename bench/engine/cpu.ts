// TSBS's cpu-only set as typed arrays: hosts with 10 tags and 10 fields, a point every 10 s, every
// value the integer part of a walk between 0 and 100 with normal steps of deviation 1, as TSBS's
// generator has it (github.com/timescale/tsbs, pkg/data/usecases/common/distribution.go), seeded. The
// arrays load the database and, in plain JavaScript, answer the same questions (questions.ts).

import type { Database } from '../../engine/database.ts'
import { patiently } from './patiently.ts'
import { randomOf } from './random.ts'

export const FIELDS = [
  'usage_user',
  'usage_system',
  'usage_idle',
  'usage_nice',
  'usage_iowait',
  'usage_irq',
  'usage_softirq',
  'usage_steal',
  'usage_guest',
  'usage_guest_nice',
] as const

/** 2016-01-01T00:00:00Z, where TSBS starts. */
export const EPOCH = 1_451_606_400_000_000_000n
export const STEP_SECONDS = 10
export const STEP = 10_000_000_000n
const FLOAT = 0

export interface CpuSet {
  readonly hosts: number
  /** Points of each host. */
  readonly steps: number
  /** Per field, f64[hosts × steps], host by host. */
  readonly values: readonly Float64Array[]
}

export function makeCpuSet(hosts: number, hours: number): CpuSet {
  const steps = (hours * 3600) / STEP_SECONDS
  const values = FIELDS.map((_, field) => {
    const column = new Float64Array(hosts * steps)
    for (let host = 0; host < hosts; host++) {
      const random = randomOf(host * FIELDS.length + field + 1)
      let walk = random() * 100
      for (let step = 0; step < steps; step++) {
        walk = Math.min(100, Math.max(0, walk + normalOf(random)))
        column[host * steps + step] = Math.floor(walk)
      }
    }
    return column
  })
  return { hosts, steps, values }
}

/** A number of the standard normal distribution, by Box and Muller. */
function normalOf(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

export const hostName = (host: number): string => `host_${host}`

/** In the order of their keys. */
export function tagsOf(host: number): Map<string, string> {
  const region = ['ap-northeast-1', 'eu-central-1', 'us-east-1', 'us-west-2'][host % 4]!
  return new Map([
    ['arch', ['x64', 'x86'][host % 2]!],
    ['datacenter', `${region}${'abc'[host % 3]!}`],
    ['hostname', hostName(host)],
    ['os', ['Ubuntu15.10', 'Ubuntu16.04LTS', 'Ubuntu16.10'][host % 3]!],
    ['rack', String((host * 7) % 100)],
    ['region', region],
    ['service', String((host * 3) % 20)],
    ['service_environment', ['production', 'staging', 'test'][host % 3]!],
    ['service_version', String(host % 2)],
    ['team', ['CHI', 'LON', 'NYC', 'SF'][host % 4]!],
  ])
}

/** A point of the set as a line of line protocol, with its newline. */
export function lineOf({ steps, values }: CpuSet, host: number, step: number): string {
  const tags = [...tagsOf(host)].map(([key, value]) => `${key}=${value}`).join(',')
  const fields = FIELDS.map((name, field) => `${name}=${values[field]![host * steps + step]}`)
  return `cpu,${tags} ${fields.join(',')} ${EPOCH + BigInt(step) * STEP}\n`
}

/** Writes these steps of a host into table `cpu`, in one batch. */
export async function writeSteps(
  database: Database,
  set: CpuSet,
  host: number,
  steps: readonly number[],
): Promise<void> {
  const times = BigInt64Array.from(steps, (step) => EPOCH + BigInt(step) * STEP)
  const batch = database.batch()
  const fields = FIELDS.map((name, field) => {
    const column = set.values[field]!.subarray(host * set.steps, (host + 1) * set.steps)
    const values = Float64Array.from(steps, (step) => column[step]!)
    return { name, type: FLOAT, values, valid: null, declared: true } as const
  })
  batch.points({ table: 'cpu', tags: tagsOf(host), times, fields })
  await batch.commit()
}

/** Writes all points of a host into table `cpu`, in one batch. */
export function writeHost(database: Database, set: CpuSet, host: number): Promise<void> {
  const steps = Array.from({ length: set.steps }, (_, step) => step)
  return writeSteps(database, set, host, steps)
}

/** Writes the set into table `cpu`, then flushes and compacts it. */
export async function loadCpuSet(database: Database, set: CpuSet): Promise<void> {
  for (let host = 0; host < set.hosts; host++) await writeHost(database, set, host)
  await patiently(() => database.flush())
  await database.compact()
}
