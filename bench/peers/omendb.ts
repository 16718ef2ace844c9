// OmenDB in process, as `npm run build` made it.

import { join, resolve } from 'node:path'
import type { Answer, LatestRequest, QueryRequest } from '../../engine/query/query.ts'
import type { Database } from '../../engine/database.ts'
import type { PointSet } from './point-set.ts'
import { type Peer, groupRows } from './peer.ts'
import type { Question, Rows } from './questions.ts'
import { lineChunks, writeLines } from './text-files.ts'

/** About 8,000 lines of ten tags and ten fields. */
export const BODY_BYTES = 3 << 20

type NodeEntry = typeof import('../../engine/node.ts')

export async function openOmenDb(directory: string): Promise<Peer> {
  const { open } = (await import(/* @vite-ignore */ resolve('dist/node.js'))) as NodeEntry
  const database = await open(join(directory, 'omendb'))
  const file = join(directory, '..', 'lines')
  let data: PointSet
  return {
    title: 'OmenDB',
    loading: `line protocol in batches of ${BODY_BYTES >> 20} MiB, each synced`,
    async prepare(set, lateShare) {
      writeLines(file, set, lateShare)
      data = { ...set, series: set.series.map(({ tags }) => ({ tags, times: EMPTY, values: [] })) }
    },
    load: () => loadLines(database, file),
    settle: async () => {
      await patiently(() => database.flush())
      await database.compact()
    },
    ask: (question) => {
      const request = requestOf(data, question)
      return question.result === 'latest' ? database.latest(request) : database.query(request)
    },
    rowsOf: (question, answer) => rowsOf(data, question, answer as Answer),
    servers: [],
    close: () => database.close(),
  }
}

const EMPTY = new Float64Array(0)

async function loadLines(database: Database, file: string): Promise<void> {
  for (const chunk of lineChunks(file, BODY_BYTES)) {
    await patiently(() => {
      const batch = database.batch({ precision: 'ms' })
      batch.lineProtocol(chunk)
      return batch.commit()
    })
  }
}

/** Again while the engine says `busy`, as a client does after a 429. */
async function patiently(action: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await action()
      return
    } catch (error) {
      if ((error as { code?: string }).code !== 'busy') throw error
      await new Promise((again) => setTimeout(again, 5))
    }
  }
}

/** The question as the body of `POST /v1/query`, or of `/v1/latest`. */
export function requestOf(data: PointSet, question: Question): QueryRequest & LatestRequest {
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

function rowsOf(data: PointSet, question: Question, answer: Answer): Rows {
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
