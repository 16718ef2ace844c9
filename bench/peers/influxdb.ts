// InfluxDB 1 (Debian's package) over HTTP.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/free-port.ts'
import { BODY_BYTES, HttpServer, LINES_LOADING, requireProgram } from './http-server.ts'
import { untilIdle } from './memory.ts'
import { type Peer, groupRows } from './peer.ts'
import type { Question } from './questions.ts'
import type { SetShape } from './point-set.ts'

interface Answer {
  readonly results: readonly {
    readonly error?: string
    readonly series?: readonly {
      readonly tags?: Readonly<Record<string, string>>
      readonly values: readonly (readonly number[])[]
    }[]
  }[]
}

export async function openInfluxDb(directory: string, shape: SetShape): Promise<Peer> {
  const program = requireProgram('/usr/bin/influxd', 'influxdb')
  const version = /v(\d[\d.]*)/.exec(execFileSync(program, ['version'], { encoding: 'utf8' }))?.[1]
  const port = await freePort()
  const config = join(directory, 'influxdb.conf')
  mkdirSync(join(directory, 'influxdb'), { recursive: true })
  writeFileSync(config, await configText(join(directory, 'influxdb'), port))
  const args = ['run', '-config', config]
  const server = await HttpServer.start(program, args, { port, readyPath: '/ping' })
  const { client } = server
  return {
    title: `InfluxDB ${version}`,
    loading: `${LINES_LOADING}, fsync of its log before each answer`,
    settling: 'waited until it had written its cache out and compacted its files',
    create: async () => {
      await client.send('POST', '/query?q=CREATE%20DATABASE%20bench', null, {})
    },
    load: (file) => server.sendLines('/write?db=bench&precision=ms', file, BODY_BYTES),
    settle: () => untilIdle(server.process.pid!, COLD_SECONDS * 3_000),
    async ask(question) {
      const q = encodeURIComponent(influxQl(shape, question))
      const text = (await client.get(`/query?db=bench&epoch=ms&q=${q}`)).toString()
      const answer = JSON.parse(text) as Answer
      if (answer.results[0]!.error) throw new Error(answer.results[0]!.error)
      return answer
    },
    rowsOf(question, answer) {
      const isWhole =
        question.every === 0 && question.result !== 'raw' && question.result !== 'latest'
      const series = (answer as Answer).results[0]!.series ?? []
      return groupRows(
        series.flatMap(({ tags, values }) => {
          const name = tags?.[shape.tagKeys[0]!] ?? ''
          return values.map(([time, ...rest]): [string, ...number[]] => [
            name,
            isWhole ? 0 : time!,
            ...rest,
          ])
        }),
      )
    },
    askNothing: () => client.get('/ping'),
    server: server.process.pid!,
    close: () => server.stop(),
  }
}

/** After so long without writes it writes its cache out, and after twice that compacts all it has. */
const COLD_SECONDS = 3

/**
 * Debian's defaults but for the places, limits that the sets pass, what listens, and how soon files
 * get their final shape.
 */
async function configText(directory: string, port: number): Promise<string> {
  return `reporting-disabled = true
bind-address = "127.0.0.1:${await freePort()}"
[meta]
  dir = "${directory}/meta"
[data]
  dir = "${directory}/data"
  wal-dir = "${directory}/wal"
  index-version = "tsi1"
  cache-max-memory-size = "4g"
  cache-snapshot-write-cold-duration = "${COLD_SECONDS}s"
  compact-full-write-cold-duration = "${COLD_SECONDS * 2}s"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
  max-row-limit = 0
[monitor]
  store-enabled = false
`
}

function influxQl(data: SetShape, question: Question): string {
  const { series, fields, start, end, result, every, bySeries, above, newest } = question
  const name = data.tagKeys[0]!
  const isPlain = result === 'raw' || result === 'latest'
  const call = (field: string): string => (isPlain ? field : `${result}(${field})`)
  const columns = fields.length === 0 ? [`count(${data.fields[0]})`] : fields.map(call)
  const names = series?.map((number) => `${name} = '${data.series[number]!.tags[0]}'`)
  const conditions = [
    ...(names === undefined ? [] : [`(${names.join(' OR ')})`]),
    ...(result === 'latest' ? [] : [`time >= ${start}ms`, `time < ${end}ms`]),
    ...(above === null ? [] : [`${data.fields[0]} > ${above}`]),
  ]
  const keys = [...(every > 0 ? [`time(${every}s)`] : []), ...(isPlain || bySeries ? [name] : [])]
  return [
    `SELECT ${columns.join(', ')} FROM ${data.table}`,
    conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '',
    keys.length > 0 ? `GROUP BY ${keys.join(', ')}` : '',
    every > 0 ? 'fill(none)' : '',
    result === 'latest' ? 'ORDER BY time DESC LIMIT 1' : '',
    newest > 0 ? `ORDER BY time DESC LIMIT ${newest}` : '',
  ].join(' ')
}
