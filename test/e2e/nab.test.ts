// The Numenta Anomaly Benchmark's series (47 real files with gaps, duplicates and odd steps), through
// HTTP as CSV and as line protocol, against sums made here from the files; before and after a
// restart and kill -9.

import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServerProcess, startProcess } from './process.ts'

const NAB = new URL('../../../shared/data/nab/', import.meta.url)
const DAY_MS = 86_400_000

interface Series {
  table: string
  file: string
  lines: number
  /** Rows as the last write leaves them, by time in milliseconds. */
  rows: Map<number, number>
}

interface Summary {
  count: number
  min: number
  max: number
  sum: number
  absolute: number
}

function readSeries(): Series[] {
  const found: Series[] = []
  for (const table of readdirSync(NAB).sort()) {
    for (const file of readdirSync(new URL(`${table}/`, NAB)).sort()) {
      const text = readFileSync(new URL(`${table}/${file}`, NAB), 'utf8')
      const lines = text.trim().split(/\r?\n/).slice(1)
      const rows = new Map<number, number>()
      for (const line of lines) {
        const [time, value] = line.split(',') as [string, string]
        rows.set(Date.parse(`${time.replace(' ', 'T')}Z`), Number(value))
      }
      found.push({ table, file: file.replace('.csv', ''), lines: lines.length, rows })
    }
  }
  return found
}

function summarize(values: Iterable<number>): Summary {
  const summary = { count: 0, min: Infinity, max: -Infinity, sum: 0, absolute: 0 }
  for (const value of values) {
    summary.count++
    summary.min = Math.min(summary.min, value)
    summary.max = Math.max(summary.max, value)
    summary.sum += value
    summary.absolute += Math.abs(value)
  }
  return summary
}

function summarizeDays(rows: ReadonlyMap<number, number>): Map<number, Summary> {
  const days = new Map<number, number[]>()
  for (const [time, value] of rows) {
    const day = Math.floor(time / DAY_MS) * DAY_MS
    const values = days.get(day)
    if (values) values.push(value)
    else days.set(day, [value])
  }
  return new Map([...days].map(([day, values]) => [day, summarize(values)]))
}

// The reason to skip: the data set lies beside the checkout, and is not everywhere.
describe.skipIf(!existsSync(NAB))('real series of ../shared/data/nab', () => {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-nab-'))
  const series = existsSync(NAB) ? readSeries() : []
  let server: ServerProcess

  async function post(path: string, body: string): Promise<any> {
    // Without a type the body is read as the route's own; fetch would call a string text/plain.
    const bytes = new TextEncoder().encode(body)
    const response = await fetch(server.url + path, { method: 'POST', body: bytes })
    const answer: any = await response.json()
    expect(response.status, `${path}: ${JSON.stringify(answer).slice(0, 300)}`).toBe(200)
    return answer
  }

  async function query(db: string, request: object): Promise<any> {
    return post(`/v1/query?db=${db}`, JSON.stringify(request))
  }

  function expectSummary(fields: any, at: number, expected: Summary, where: string): void {
    const { count, min, max, mean } = fields
    expect([count[at], min[at], max[at]], where).toEqual([
      expected.count,
      expected.min,
      expected.max,
    ])
    const error = Math.abs(mean[at] * expected.count - expected.sum)
    expect(error, `${where}: mean`).toBeLessThanOrEqual(1e-12 * expected.absolute)
  }

  async function checkTables(db: string): Promise<void> {
    const select = {
      count: 'count(value)',
      min: 'min(value)',
      max: 'max(value)',
      mean: 'mean(value)',
    }
    for (const table of new Set(series.map((one) => one.table))) {
      const mine = series.filter((one) => one.table === table)
      const whole = await query(db, { table, select, by: ['file'] })
      expect(whole.series.map((one: any) => one.tags.file)).toEqual(mine.map((one) => one.file))
      const daily = await query(db, { table, select, by: ['file'], every: '1d' })
      for (const [i, { file, rows }] of mine.entries()) {
        expectSummary(whole.series[i].fields, 0, summarize(rows.values()), `${db} ${file}`)
        const days = [...summarizeDays(rows)].sort(([a], [b]) => a - b)
        expect(daily.series[i].time, file).toEqual(days.map(([day]) => day))
        for (const [at, [day, expected]] of days.entries()) {
          expectSummary(daily.series[i].fields, at, expected, `${db} ${file} ${day}`)
        }
      }
    }
  }

  async function checkRows(db: string): Promise<void> {
    for (const { table, file, rows } of series) {
      const answer = await query(db, { table, where: { file } })
      const sorted = [...rows].sort(([a], [b]) => a - b)
      expect(answer.rowCount, file).toBe(sorted.length)
      expect(answer.series[0].time, file).toEqual(sorted.map(([time]) => time))
      expect(answer.series[0].fields.value, file).toEqual(sorted.map(([, value]) => value))
    }
  }

  async function checkAll(): Promise<void> {
    for (const db of ['csv', 'lines']) {
      await checkTables(db)
      await checkRows(db)
    }
  }

  beforeAll(async () => {
    server = await startProcess(directory)
  })

  afterAll(async () => {
    await server.stop('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })

  test('47 files import as CSV and as line protocol', { timeout: 60_000 }, async () => {
    for (const { table, file, lines } of series) {
      const text = readFileSync(new URL(`${table}/${file}.csv`, NAB), 'utf8')
        .trim()
        .split(/\r?\n/)
      const csv = text.map((line, i) => `${line},${i === 0 ? 'file' : file}`).join('\n')
      const imported = await post(
        `/v1/import?db=csv&table=${table}&time=timestamp&tags=file&types=value:float`,
        csv,
      )
      expect(imported).toMatchObject({ written: lines, rejected: 0, ack: 'fsync' })
      const points = text.slice(1).map((line) => {
        const [time, value] = line.split(',') as [string, string]
        const seconds = Date.parse(`${time.replace(' ', 'T')}Z`) / 1000
        return `${table},file=${file} value=${value} ${seconds}`
      })
      const written = await post(`/v1/write?db=lines&precision=s`, points.join('\n'))
      expect(written).toMatchObject({ written: lines, rejected: 0 })
    }
    expect(series).toHaveLength(47)
    expect(series.reduce((sum, { lines }) => sum + lines, 0)).toBe(321_206)
  })

  test('sums, days and rows equal those of the files', { timeout: 60_000 }, checkAll)

  test('and after kill -9, when the log is all there is', { timeout: 60_000 }, async () => {
    expect(await server.stop('SIGKILL')).toBe(null)
    server = await startProcess(directory)
    await checkAll()
  })

  test('and after SIGTERM and a start from segments', { timeout: 60_000 }, async () => {
    expect(await server.stop('SIGTERM')).toBe(0)
    server = await startProcess(directory)
    await checkAll()
  })
})
