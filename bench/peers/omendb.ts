// OmenDB in process, as `npm run build` made it.

import { join, resolve } from 'node:path'
import type { Answer, LatestRequest, QueryRequest } from '../../engine/query/query.ts'
import type { Database } from '../../engine/database.ts'
import { patiently } from '../engine/patiently.ts'
import { BODY_BYTES } from './http-server.ts'
import { lineChunks } from './inputs.ts'
import { type Peer, groupRows } from './peer.ts'
import type { SetShape } from './point-set.ts'
import type { Question, Rows } from './questions.ts'

type NodeEntry = typeof import('../../engine/node.ts')

export async function openOmenDb(directory: string, shape: SetShape): Promise<Peer> {
  const { open } = await nodeEntry()
  const data = join(directory, 'omendb')
  const database = await open(data)
  return {
    title: 'OmenDB',
    loading: `line protocol in batches of ${BODY_BYTES >> 20} MiB, each synced`,
    settling: 'flush and compact',
    create: async () => {},
    load: (file) => loadLines(database, file),
    settle: async () => {
      await patiently(() => database.flush())
      await database.compact()
    },
    ask: (question) => {
      const request = requestOf(shape, question)
      return question.result === 'latest' ? database.latest(request) : database.query(request)
    },
    askNothing: null,
    rowsOf: (question, answer) => rowsOf(shape, question, answer as Answer),
    server: null,
    close: () => database.close(),
  }
}

/** The code that `npm run build` made. */
function nodeEntry(): Promise<NodeEntry> {
  return import(/* @vite-ignore */ resolve('dist/node.js')) as Promise<NodeEntry>
}

/** Merges all parts of a directory that no process has open. */
export async function compactDirectory(data: string): Promise<void> {
  const { open } = await nodeEntry()
  const database = await open(data)
  await database.compact()
  await database.close()
}

async function loadLines(database: Database, file: string): Promise<void> {
  for (const chunk of lineChunks(file, BODY_BYTES)) {
    await patiently(() => {
      const batch = database.batch({ precision: 'ms' })
      batch.lineProtocol(chunk)
      return batch.commit()
    })
  }
}

/** The question as the body of `POST /v1/query`, or of `/v1/latest`. */
export function requestOf(data: SetShape, question: Question): QueryRequest & LatestRequest {
  const { series, fields, start, end, result, every, bySeries, above, newest } = question
  const isPlain = result === 'raw' || result === 'latest'
  const name = data.tagKeys[0]!
  const where = {
    ...(series === null ? {} : { [name]: series.map((number) => data.series[number]!.tags[0]!) }),
    ...(above === null ? {} : { [data.fields[0]!]: { gt: above } }),
  }
  const selected = isPlain ? [...fields] : fields.map((field) => `${result}(${field})`)
  return {
    table: data.table,
    ...(result === 'latest' ? {} : { start, end, precision: 'ms' as const }),
    ...(Object.keys(where).length > 0 ? { where } : {}),
    select: fields.length === 0 ? ['count(*)'] : selected,
    ...(every === 0 ? {} : { every: `${every}s` }),
    ...(bySeries ? { by: [name] } : {}),
    ...(newest === 0 ? {} : { order: 'desc' as const, limit: newest }),
    ...(result === 'raw' ? { limit: LIMIT } : {}),
  }
}

/** The most that one answer may have. */
const LIMIT = 1_000_000

function rowsOf(data: SetShape, question: Question, answer: Answer): Rows {
  if (answer.cursor !== null && question.newest === 0)
    throw new Error(`${question.name}: the answer is cut`)
  const hasTime = question.every > 0 || question.result === 'raw' || question.result === 'latest'
  return groupRows(
    answer.series.flatMap(({ tags, time, fields }) => {
      const name = tags.get(data.tagKeys[0]!) ?? ''
      return Array.from(time, (nanoseconds, row): [string, ...number[]] => [
        name,
        hasTime ? Number(nanoseconds / 1_000_000n) : 0,
        ...fields.map(({ values }) => Number(values[row])),
      ])
    }),
  )
}
