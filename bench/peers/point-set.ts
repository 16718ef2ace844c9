// Sets of points as typed arrays, series by series: what every peer loads, and what its answers are
// checked against. Times are milliseconds, exact in a double, so that every peer can hold them.

import { EPOCH, FIELDS, STEP_SECONDS, makeCpuSet, tagsOf } from '../engine/cpu.ts'
import { randomOf } from '../engine/random.ts'

/** A set without its points: what a peer knows besides the file that it loads. */
export interface SetShape {
  readonly table: string
  readonly tagKeys: readonly string[]
  readonly fields: readonly string[]
  readonly series: readonly { readonly tags: readonly string[] }[]
  /** Values of all series and fields. */
  readonly points: number
  /** Milliseconds between points; null: they come when they like. */
  readonly stepMs: number | null
}

export interface PointSet extends SetShape {
  readonly series: readonly SeriesPoints[]
}

/** Points of one series, by time. */
export interface SeriesPoints {
  /** In the order of `tagKeys`; the first names the series. */
  readonly tags: readonly string[]
  /** Milliseconds since 1970, f64[n], ascending. */
  readonly times: Float64Array
  /** Per field f64[n]. */
  readonly values: readonly Float64Array[]
}

/** A place in a set: point `row` of series `series`. */
export interface Place {
  readonly series: number
  readonly row: number
}

/** TSBS cpu-only: 10 fields, 10 tags, a point every 10 s. */
export function cpuData(hosts: number, hours: number): PointSet {
  const { steps, values } = makeCpuSet(hosts, hours)
  const start = Number(EPOCH / 1_000_000n)
  const times = Float64Array.from({ length: steps }, (_, step) => start + step * STEP_SECONDS * 1e3)
  const tagKeys = ['hostname', ...[...tagsOf(0).keys()].filter((key) => key !== 'hostname')]
  const series = Array.from({ length: hosts }, (_, host) => ({
    tags: tagKeys.map((key) => tagsOf(host).get(key)!),
    times,
    values: values.map((column) => column.subarray(host * steps, (host + 1) * steps)),
  }))
  const stepMs = STEP_SECONDS * 1_000
  const points = hosts * steps * FIELDS.length
  return { table: 'cpu', tagKeys, fields: FIELDS, series, points, stepMs }
}

/**
 * Sensors that report a temperature with two decimals whenever they like: gaps between reports are
 * exponential with a mean of 10 s, in milliseconds, and every hundredth report is missing.
 */
export function sensorData(sensors: number, rows: number): PointSet {
  const start = Number(EPOCH / 1_000_000n)
  const series = Array.from({ length: sensors }, (_, sensor) => {
    const random = randomOf(sensor + 1)
    const times = new Float64Array(rows)
    const celsius = new Float64Array(rows)
    let time = start
    let walk = 1_500 + Math.floor(random() * 1_500)
    for (let row = 0; row < rows; row++) {
      const gaps = random() < 0.01 ? 2 : 1
      for (let i = 0; i < gaps; i++) time += 1 + Math.floor(-Math.log(1 - random()) * 10_000)
      walk += Math.round((random() - 0.5) * 20)
      times[row] = time
      celsius[row] = walk / 100
    }
    return { tags: [`sensor_${sensor}`, `site_${sensor % 20}`], times, values: [celsius] }
  })
  const tagKeys = ['sensor', 'site']
  const points = sensors * rows
  return { table: 'reading', tagKeys, fields: ['celsius'], series, points, stepMs: null }
}

export function shapeOf({ series, ...shape }: PointSet): SetShape {
  return { ...shape, series: series.map(({ tags }) => ({ tags })) }
}

/** Times are counted from the first, and points from 0: both fit into the mantissa of a double. */
const POINTS_MAX = 2 ** 24
const MILLISECONDS_MAX = 2 ** 29

/**
 * Every point's place in the order of arrival: by time, except that a share of the points comes up to
 * an hour late.
 */
export function* arrivals({ series }: PointSet, lateShare: number): Generator<Place> {
  const random = randomOf(7)
  const first = Math.min(...series.map(({ times }) => times[0]!))
  const count = series.reduce((sum, { times }) => sum + times.length, 0)
  if (count > POINTS_MAX) throw new Error(`${count} points are more than ${POINTS_MAX}`)
  const keys = new Float64Array(count)
  const owners = new Uint16Array(count)
  const starts: number[] = []
  let point = 0
  for (const [index, { times }] of series.entries()) {
    starts.push(point)
    for (const time of times) {
      const late = random() < lateShare ? Math.floor(random() * 3_600_000) : 0
      if (time + late - first >= MILLISECONDS_MAX) throw new Error('a set of more than six days')
      owners[point] = index
      keys[point] = (time + late - first) * POINTS_MAX + point
      point++
    }
  }
  for (const key of keys.sort()) {
    const number = key % POINTS_MAX
    const owner = owners[number]!
    yield { series: owner, row: number - starts[owner]! }
  }
}

/** Table and tags of each series as line protocol has them. */
export function seriesTexts({ table, tagKeys, series }: SetShape): string[] {
  return series.map(({ tags }) => {
    const pairs = tagKeys.map((key, i) => `${key}=${tags[i]}`)
    return [table, ...pairs].join(',')
  })
}

/** A point as a line of line protocol with a time in milliseconds; `tags` as `seriesTexts` has them. */
export function lineOf(data: PointSet, { series, row }: Place, tags: string): string {
  const { times, values } = data.series[series]!
  let text = tags
  for (const [field, column] of values.entries()) {
    text += `${field === 0 ? ' ' : ','}${data.fields[field]}=${column[row]}`
  }
  return `${text} ${times[row]}\n`
}

/** A point as a line of CSV: milliseconds, tags, fields. */
export function csvLineOf({ series }: PointSet, { series: index, row }: Place): string {
  const { tags, times, values } = series[index]!
  let text = `${times[row]},${tags.join(',')}`
  for (const column of values) text += `,${column[row]}`
  return `${text}\n`
}
