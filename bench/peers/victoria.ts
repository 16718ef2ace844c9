// VictoriaMetrics (Debian's package) over HTTP. A window of MetricsQL ends with its time and leaves its
// start out, so a bucket [b, b + w) of whole milliseconds is the window w at b + w - 1 ms.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { freePort } from '../../test/free-port.ts'
import { BODY_BYTES, HttpServer, LINES_LOADING, requireProgram } from './http-server.ts'
import { untilIdle } from './memory.ts'
import { type Peer, groupRows } from './peer.ts'
import type { Question, Rows } from './questions.ts'
import type { SetShape } from './point-set.ts'

interface Exported {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly number[]
  readonly timestamps: readonly number[]
}

interface Answer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>
      readonly values?: readonly (readonly [number, string])[]
      readonly value?: readonly [number, string]
    }[]
  }
}

/** Name of the series whose value is the time of another one's last point. */
const TIME_LABEL = 'omendb_time'
/** The label with the name of the metric that a value comes from. */
const FIELD_LABEL = 'omendb_field'

export async function openVictoria(directory: string, shape: SetShape): Promise<Peer> {
  const program = requireProgram('/usr/bin/victoria-metrics', 'victoria-metrics')
  const text = execFileSync(program, ['-version'], { encoding: 'utf8' })
  const version = /\d+\.\d+\.\d+/.exec(text)?.[0] ?? '1.79'
  const port = await freePort()
  const server = await HttpServer.start(
    program,
    [
      `-storageDataPath=${join(directory, 'victoria')}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      '-retentionPeriod=100y',
      '-search.latencyOffset=0s',
      '-search.maxStalenessInterval=10s',
      '-search.disableCache',
    ],
    { port, readyPath: '/health' },
  )
  const { client } = server
  return {
    title: `VictoriaMetrics ${version}`,
    loading: `${LINES_LOADING}, no fsync but a flush at the end`,
    settling: 'force_merge, then waited until it had',
    create: async () => {},
    load: async (file) => {
      await server.sendLines('/write?precision=ms', file, BODY_BYTES)
      await client.get('/internal/force_flush')
    },
    settle: async () => {
      await client.get('/internal/force_merge')
      await untilIdle(server.process.pid!, 10_000)
    },
    async ask(question) {
      const path = pathOf(shape, question)
      if (path === null) return null
      const body = (await client.get(path)).toString()
      if (!path.startsWith('/api/v1/export')) return JSON.parse(body) as Answer
      return body
        .split('\n', body.length)
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Exported)
    },
    askNothing: () => client.get('/health'),
    rowsOf: (question, answer) =>
      Array.isArray(answer)
        ? exportedRows(shape, question, answer as Exported[])
        : answeredRows(shape, question, answer as Answer),
    server: server.process.pid!,
    close: () => server.stop(),
  }
}

/** Null: it has no such query. */
function pathOf(data: SetShape, question: Question): string | null {
  const { fields, start, end, result, every, above, newest } = question
  const selector = selectorOf(data, question, fields.length === 0 ? [data.fields[0]!] : fields)
  const encode = encodeURIComponent
  if (result === 'raw' && above === null) {
    const range = `start=${start / 1000}&end=${(end - 1) / 1000}`
    return `/api/v1/export?match[]=${encode(selector)}&${range}`
  }
  if (result === 'raw') {
    const { stepMs } = data
    if (stepMs === null) return null
    const name = `${data.table}_${data.fields[0]}`
    const query = `${selector} and on(${data.tagKeys[0]}) (${name} > ${above})`
    const range = `start=${start / 1000}&end=${(end - 1) / 1000}&step=${stepMs / 1000}`
    return `/api/v1/query_range?query=${encode(query)}&${range}&nocache=1`
  }
  const first = Math.floor((every === 0 ? start : end - newest * every * 1000) / 1000)
  const from = newest === 0 ? Math.floor(start / 1000) : first
  const window = every === 0 ? Math.ceil((end - start) / 1000) : every
  const query = encode(expressionOf(question, `${selector}[${window}s]`))
  if (every === 0) return `/api/v1/query?query=${query}&time=${(end - 1) / 1000}`
  const bucket = Math.floor(from / every) * every
  const range = `start=${bucket + every - 0.001}&end=${end / 1000 + every - 0.002}&step=${every}`
  return `/api/v1/query_range?query=${query}&${range}&nocache=1`
}

function selectorOf(
  { table, tagKeys, series }: SetShape,
  question: Question,
  fields: readonly string[],
) {
  const names = `__name__=~"${table}_(${fields.join('|')})"`
  if (question.series === null) return `{${names}}`
  const wanted = question.series.map((number) => series[number]!.tags[0])
  return `{${names}, ${tagKeys[0]}=~"${wanted.join('|')}"}`
}

function expressionOf({ result, bySeries }: Question, range: string): string {
  switch (result) {
    case 'latest':
      return `union(last_over_time(${range}), label_set(tlast_over_time(${range}), "__name__", "${TIME_LABEL}"))`
    case 'count':
      return `sum(count_over_time(${range}))`
    case 'mean':
      if (bySeries) return `avg_over_time(${range})`
      return `${sumByField('sum_over_time', range)} / ${sumByField('count_over_time', range)}`
    default:
      return bySeries ? `max_over_time(${range})` : `max(max_over_time(${range})) by (__name__)`
  }
}

/** A division forgets names of metrics, so they go into a label. */
function sumByField(call: string, range: string): string {
  const named = `label_copy(${call}(${range}) keep_metric_names, "__name__", "${FIELD_LABEL}")`
  return `sum(${named}) by (${FIELD_LABEL})`
}

/** Values by group and time, from one series a field to one row with all fields. */
class RowBuilder {
  private readonly rows = new Map<string, Map<number, number[]>>()

  set(name: string, time: number, field: number, value: number): void {
    let group = this.rows.get(name)
    if (group === undefined) this.rows.set(name, (group = new Map()))
    let row = group.get(time)
    if (row === undefined) group.set(time, (row = []))
    row[field] = value
  }

  build(): Rows {
    const rows = [...this.rows].flatMap(([name, group]) =>
      [...group].map(([time, values]): [string, ...number[]] => [name, time, ...values]),
    )
    return groupRows(rows)
  }
}

function fieldOf(question: Question, metric: Readonly<Record<string, string>>): number {
  const name = metric.__name__ ?? metric[FIELD_LABEL] ?? ''
  return Math.max(
    0,
    question.fields.findIndex((field) => name.endsWith(`_${field}`)),
  )
}

function exportedRows(data: SetShape, question: Question, answer: readonly Exported[]): Rows {
  const builder = new RowBuilder()
  for (const { metric, values, timestamps } of answer) {
    const name = metric[data.tagKeys[0]!]!
    timestamps.forEach((time, row) =>
      builder.set(name, time, fieldOf(question, metric), values[row]!),
    )
  }
  return builder.build()
}

function answeredRows(data: SetShape, question: Question, answer: Answer): Rows {
  const { every, result } = question
  const builder = new RowBuilder()
  const times = new Map<string, number>()
  for (const { metric, value } of answer.data.result) {
    if (metric.__name__ === TIME_LABEL)
      times.set(metric[data.tagKeys[0]!]!, Number(value![1]) * 1000)
  }
  for (const { metric, values, value } of answer.data.result) {
    if (metric.__name__ === TIME_LABEL) continue
    const name = metric[data.tagKeys[0]!] ?? ''
    for (const [at, text] of values ?? [value!]) {
      const end = Math.round(at * 1000)
      const bucket = every === 0 ? 0 : end + 1 - every * 1000
      const plain = result === 'latest' ? Math.round(times.get(name)!) : end
      const isPlain = result === 'raw' || result === 'latest'
      builder.set(name, isPlain ? plain : bucket, fieldOf(question, metric), Number(text))
    }
  }
  return builder.build()
}
