// `omendb query`: rows of a table, or of its aggregates. At a terminal as a table; in a pipe as
// NDJSON, streamed by the server's export, so any number of rows takes no memory here.

import type { Answer, FieldValue, QueryRequest } from '../../client/index.ts'
import { encodeJson } from '../../client/json.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS } from './connection.ts'
import { oneOf, wholeNumber, type Given } from './flags.ts'
import { print, warn, type Terminal } from './terminal.ts'
import { textTable, type Cell, type TextColumn } from './text-table.ts'

const FORMATS = ['table', 'csv', 'json', 'ndjson'] as const
type Format = (typeof FORMATS)[number]

const QUERY_FLAGS = {
  start: { value: 'TIME', help: 'first time: -1h, 2026-09-21, RFC 3339, epoch ms' },
  end: { value: 'TIME', help: 'end of the range, exclusive' },
  where: { value: 'SQL', help: "condition: host = 'a' AND usage > 0.2" },
  select: { value: 'LIST', help: 'fields or aggregates: mean(usage) AS u,max(usage)' },
  by: { value: 'TAGS', help: 'one group for each combination of these tags; * = all' },
  every: { value: 'WIDTH', help: 'one row for each bucket of this width: 10s, 5m, 1d' },
  fill: { value: 'HOW', help: 'empty buckets: none (default), null, previous, linear, 0' },
  order: { value: 'ORDER', help: 'asc (default) or desc' },
  limit: { value: 'N', help: 'at most so many rows' },
  format: { value: 'FORMAT', help: 'table (at a terminal), ndjson (in a pipe), csv, json' },
  ...CONNECTION_FLAGS,
} as const

export const queryCommand = defineCommand({
  name: 'query',
  operands: 'TABLE',
  operandCount: [1, 1],
  summary: 'print points, aggregates or buckets of a table',
  example: "omendb query cpu --start -1h --select 'mean(usage_user)' --by region --every 10m",
  flags: QUERY_FLAGS,
  async run({ flags, positionals }, terminal) {
    const request = readRequest(positionals[0]!, flags)
    const format = readFormat(flags.format, terminal)
    const { client, close } = await connect(flags, terminal, 'read')
    try {
      if (format === 'csv' || format === 'ndjson') {
        const body = await client.export(request, { format })
        for await (const chunk of body) await print(terminal.stdout, chunk)
      } else if (format === 'json') {
        await print(
          terminal.stdout,
          `${encodeJson(await client.request('POST', '/v1/query', { body: request }))}\n`,
        )
      } else {
        const answer = await client.query({ ...request, time: 'rfc3339' })
        await printTable(answer, flags.limit !== undefined, terminal)
      }
    } finally {
      await close()
    }
  },
})

/** What was asked for, else what suits where the output goes. */
export function readFormat(text: string | undefined, { stdout }: Terminal): Format {
  if (text === undefined) return stdout.isTTY ? 'table' : 'ndjson'
  return oneOf(text, '--format', FORMATS)
}

const ROWS_MAX = 1_000_000_000

function readRequest(table: string, flags: Given<typeof QUERY_FLAGS>): QueryRequest {
  const { start, end, where, select, by, every, fill, order, limit } = flags
  return {
    table,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(where === undefined ? {} : { where }),
    ...(select === undefined ? {} : { select }),
    ...(by === undefined ? {} : { by: by.split(',').map((tag) => tag.trim()) }),
    ...(every === undefined ? {} : { every }),
    ...(fill === undefined ? {} : { fill: /^-?\d+(\.\d+)?$/.test(fill) ? Number(fill) : fill }),
    ...(order === undefined ? {} : { order: oneOf(order, '--order', ['asc', 'desc'] as const) }),
    ...(limit === undefined ? {} : { limit: wholeNumber(limit, '--limit', ROWS_MAX) }),
  }
}

type TextAnswer = Answer<
  Record<string, FieldValue>,
  string,
  Record<string, string | null | undefined>
>

async function printTable(
  answer: TextAnswer,
  isLimited: boolean,
  terminal: Terminal,
): Promise<void> {
  const { columns, rows } = tabulate(answer)
  let text = ''
  for (const line of textTable(columns, rows)) {
    text += `${line}\n`
    if (text.length < PIECE_LENGTH) continue
    await print(terminal.stdout, text)
    text = ''
  }
  await print(terminal.stdout, text)
  const count = `${answer.rowCount} ${answer.rowCount === 1 ? 'row' : 'rows'}`
  const more =
    isLimited || answer.cursor === null ? '' : ', and there are more: --format ndjson prints all'
  if (terminal.stdout.isTTY)
    warn(terminal, `${count} in ${answer.stats.elapsedMs.toFixed(1)} ms${more}`)
}

const PIECE_LENGTH = 65_536

/** Time, every tag that any series has, then the selected columns. */
function tabulate(answer: TextAnswer): { columns: TextColumn[]; rows: Cell[][] } {
  const tags = [...new Set(answer.series.flatMap((series) => Object.keys(series.tags)))].sort()
  const fields = answer.columns.slice(1)
  const columns: TextColumn[] = [
    { name: 'time', isNumber: false },
    ...tags.map((name) => ({ name, isNumber: false })),
    ...fields.map(({ name, type }) => ({ name, isNumber: NUMERIC.has(type) })),
  ]
  const rows = answer.series.flatMap((series) => {
    const left = tags.map((tag) => series.tags[tag])
    const values = fields.map(({ name }) => series.fields[name]!)
    return series.time.map((time, index) => [
      time,
      ...left,
      ...values.map((column) => textOf(column[index])),
    ])
  })
  return { columns, rows }
}

/** Digits of what is beyond a double. */
function textOf(value: FieldValue | null | undefined): Cell {
  return typeof value === 'bigint' ? String(value) : value
}

const NUMERIC: ReadonlySet<string> = new Set(['float', 'integer', 'unsigned'])
