// Named columns for the size table: the TSBS and sensor sets that the peers get, measurements in full
// precision, labels, sparse columns, and the Numenta Anomaly Benchmark's series when they are there
// (github.com/numenta/NAB, AGPL: CSV files of `timestamp,value`).

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCpuSet } from '../engine/cpu.ts'
import { randomOf } from '../engine/random.ts'
import { sensorData } from '../peers/point-set.ts'

/** Rows of one column, series after series as a part has them. */
export interface Column {
  readonly name: string
  readonly type: 'float' | 'string' | 'time'
  /** Slots i64[n] of numbers and times, or texts. */
  readonly values: BigInt64Array | readonly string[]
  /** u8[n], or null when every row has a value. */
  readonly valid: Uint8Array | null
  /** Rows at which a series starts, ascending. */
  readonly starts: readonly number[]
}

const HOSTS = 10
const SENSORS = 100
const SENSOR_ROWS = 10_000
const SHORT_SERIES = 20_000
const SHORT_ROWS = 60
const ROWS = 200_000
const MS = 1_000_000n

const slotsOf = (values: Float64Array): BigInt64Array =>
  new BigInt64Array(values.buffer, values.byteOffset, values.length)

function float(name: string, values: Float64Array, starts: readonly number[] = [0]): Column {
  return { name, type: 'float', values: slotsOf(values), valid: null, starts }
}

function generated(name: string, next: (row: number) => number): Column {
  return float(
    name,
    Float64Array.from({ length: ROWS }, (_, row) => next(row)),
  )
}

function startsOf(series: number, rows: number): number[] {
  return Array.from({ length: series }, (_, index) => index * rows)
}

function cpuColumns(): Column[] {
  const { steps, values } = makeCpuSet(HOSTS, 24)
  const starts = startsOf(HOSTS, steps)
  const times = BigInt64Array.from({ length: HOSTS * steps }, (_, row) => {
    return 1_451_606_400_000_000_000n + BigInt(row % steps) * 10_000n * MS
  })
  return [
    float('TSBS cpu', values[0]!, starts),
    { name: 'TSBS times', type: 'time', values: times, valid: null, starts },
  ]
}

function sensorColumns(): Column[] {
  const { series } = sensorData(SENSORS, SENSOR_ROWS)
  const starts = startsOf(SENSORS, SENSOR_ROWS)
  const celsius = Float64Array.from(series.flatMap(({ values }) => [...values[0]!]))
  const times = BigInt64Array.from(
    series.flatMap(({ times: all }) => Array.from(all, (time) => BigInt(time) * MS)),
  )
  return [
    float('sensors, 2 decimals', celsius, starts),
    { name: 'sensors, times', type: 'time', values: times, valid: null, starts },
  ]
}

/** 60 points a series, a minute apart from a start of its own: a table of very many short series. */
function shortColumns(): Column[] {
  const random = randomOf(11)
  const rows = SHORT_SERIES * SHORT_ROWS
  const values = new Float64Array(rows)
  const times = new BigInt64Array(rows)
  for (let row = 0, walk = 0, start = 0n; row < rows; row++) {
    const position = row % SHORT_ROWS
    if (position === 0) {
      walk = 1_500 + Math.floor(random() * 1_500)
      start = 1_790_000_000_000n + BigInt(Math.floor(random() * 60_000))
    }
    walk += Math.round((random() - 0.5) * 20)
    values[row] = walk / 100
    times[row] = (start + BigInt(position) * 60_000n) * MS
  }
  const starts = startsOf(SHORT_SERIES, SHORT_ROWS)
  return [
    float('short series, 2 decimals', values, starts),
    { name: 'short series, times', type: 'time', values: times, valid: null, starts },
  ]
}

function floatColumns(): Column[] {
  const random = randomOf(5)
  let walk = 20
  let counter = 0
  const step = (): number => (walk += (random() - 0.5) * 0.02)
  return [
    generated('float32 sensor', () => Math.fround(step())),
    generated('smooth, full precision', () => step()),
    generated('sine, full precision', (row) => 50 + 40 * Math.sin(row / 500)),
    generated('random, full precision', () => random() - 0.5),
    generated('random in [0, 1)', random),
    generated('counter with noise', () => (counter += 1_000 + Math.floor(random() * 100))),
    generated('event counter', () => (counter += Math.floor(-Math.log(1 - random()) * 20))),
  ]
}

function textColumn(name: string, next: (row: number) => string): Column {
  const values = Array.from({ length: ROWS / 4 }, (_, row) => next(row))
  return { name, type: 'string', values, valid: null, starts: [0] }
}

function textColumns(): Column[] {
  const random = randomOf(6)
  const digit = (): string => '0123456789abcdef'[Math.floor(random() * 16)]!
  const hex = (length: number): string => Array.from({ length }, digit).join('')
  const words = ['GET', 'POST', 'DELETE', 'PUT']
  return [
    textColumn('labels, 4 of them', () => words[Math.floor(random() * 4)]!),
    textColumn('request ids (16 hex digits)', () => hex(16)),
    textColumn('log lines', () => {
      const path = `/api/v1/items/${Math.floor(random() * 1e5)}`
      return `${words[Math.floor(random() * 4)]} ${path} ${Math.floor(random() * 900)} ms`
    }),
  ]
}

function sparseColumns(): Column[] {
  const random = randomOf(8)
  return [0.4, 0.1, 0.02].map((share) => {
    const values = new Float64Array(ROWS)
    const valid = new Uint8Array(ROWS)
    for (let row = 0; row < ROWS; row++) {
      valid[row] = random() < share ? 1 : 0
      values[row] = Math.floor(random() * 10_000) / 100
    }
    const name = `${share * 100} % of rows, 2 decimals`
    return { name, type: 'float', values: slotsOf(values), valid, starts: [0] }
  })
}

/** All values of a directory of CSV files, file after file, and all times. */
function nabColumns(directory: string, group: string): Column[] {
  const values: number[] = []
  const times: bigint[] = []
  const starts: number[] = []
  for (const file of readdirSync(join(directory, group)).sort()) {
    starts.push(values.length)
    const lines = readFileSync(join(directory, group, file), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
    const rows = lines.map((line) => line.split(','))
    rows.sort(([a], [b]) => (a! < b! ? -1 : 1))
    for (const [time, value] of rows) {
      values.push(Number(value))
      times.push(BigInt(Date.parse(`${time!.replace(' ', 'T')}Z`)) * MS)
    }
  }
  return [
    float(`NAB ${group}`, Float64Array.from(values), starts),
    {
      name: `NAB ${group}, times`,
      type: 'time',
      values: BigInt64Array.from(times),
      valid: null,
      starts,
    },
  ]
}

/** Columns by name, those of NAB only if its `directory` is given. */
export function allColumns(directory: string | undefined): Column[] {
  const nab =
    directory === undefined
      ? []
      : readdirSync(directory)
          .sort()
          .flatMap((group) => nabColumns(directory, group))
  return [
    ...cpuColumns(),
    ...sensorColumns(),
    ...shortColumns(),
    ...floatColumns(),
    ...textColumns(),
    ...sparseColumns(),
    ...nab,
  ]
}
