// Sets of points as typed arrays, series by series: what every peer loads, and what its answers are
// checked against. Times are milliseconds, exact in a double, so that every peer can hold them.

import { EPOCH, FIELDS, STEP_SECONDS, makeCpuSet, tagsOf } from '../engine/cpu.ts'
import { randomOf } from '../engine/random.ts'

export interface PointSet {
  readonly table: string
  readonly tagKeys: readonly string[]
  readonly fields: readonly string[]
  readonly series: readonly SeriesPoints[]
  readonly points: number
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
  return { table: 'cpu', tagKeys, fields: FIELDS, series, points: hosts * steps * FIELDS.length }
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
  return { table: 'reading', tagKeys, fields: ['celsius'], series, points: sensors * rows }
}

/**
 * Every point's place in the order of arrival: by time, except that a share of the points comes up to
 * an hour late.
 */
export function arrivals({ series }: PointSet, lateShare: number): Place[] {
  const random = randomOf(7)
  const places: { readonly at: number; readonly place: Place }[] = []
  for (const [index, { times }] of series.entries()) {
    for (let row = 0; row < times.length; row++) {
      const late = random() < lateShare ? random() * 3_600_000 : 0
      places.push({ at: times[row]! + late, place: { series: index, row } })
    }
  }
  places.sort((a, b) => a.at - b.at)
  return places.map(({ place }) => place)
}

/** A point as a line of line protocol with a time in milliseconds; `tags` as `seriesText` has them. */
export function lineOf({ fields, series }: PointSet, { series: index, row }: Place, tags: string) {
  const { times, values } = series[index]!
  const pairs = fields.map((name, field) => `${name}=${values[field]![row]}`)
  return `${tags} ${pairs.join(',')} ${times[row]}\n`
}

/** Table and tags of each series as line protocol has them. */
export function seriesTexts({ table, tagKeys, series }: PointSet): string[] {
  return series.map(({ tags }) => {
    const pairs = tagKeys.map((key, i) => `${key}=${tags[i]}`)
    return [table, ...pairs].join(',')
  })
}
