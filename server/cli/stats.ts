// `omendb stats`: what tables there are, or of one table its shape, its extent and what each of its
// columns takes on disk.

import type { Client, TableStats } from '../../client/index.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS } from './connection.ts'
import { oneOf } from './flags.ts'
import { print } from './terminal.ts'
import { textTable, type Cell, type TextColumn } from './text-table.ts'

export const statsCommand = defineCommand({
  name: 'stats',
  operands: '[TABLE]',
  operandCount: [0, 1],
  summary: 'print the tables, or what one table holds and takes on disk',
  example: 'omendb stats cpu',
  flags: {
    format: { value: 'FORMAT', help: 'table (default) or json' },
    ...CONNECTION_FLAGS,
  },
  async run({ flags, positionals: [table] }, terminal) {
    const format = oneOf(flags.format ?? 'table', '--format', ['table', 'json'] as const)
    const { client, close } = await connect(flags, terminal, 'read')
    try {
      const describe = format === 'json' ? statsJson : table === undefined ? tablesText : tableText
      await print(terminal.stdout, await describe(client, table ?? ''))
    } finally {
      await close()
    }
  },
})

async function statsJson(client: Client, table: string): Promise<string> {
  const value =
    table === ''
      ? { tables: await client.tables() }
      : { ...(await client.table(table).describe()), storage: await client.table(table).stats() }
  return `${JSON.stringify(value)}\n`
}

const text = (name: string): TextColumn => ({ name, isNumber: false })
const number = (name: string): TextColumn => ({ name, isNumber: true })
const grouped = (count: number): string => count.toLocaleString('en-US')

async function tablesText(client: Client): Promise<string> {
  const tables = await client.tables()
  const rows = tables.map(({ name, points, series }) => [name, grouped(points), grouped(series)])
  return lines([text('table'), number('points'), number('series')], rows)
}

async function tableText(client: Client, name: string): Promise<string> {
  const table = await client.table(name).describe({ time: 'rfc3339' })
  const stats = await client.table(name).stats()
  const facts: Cell[][] = [
    ['points', grouped(table.points)],
    ['series', grouped(table.series)],
    ['tags', table.tags.join(', ')],
    ['first time', table.firstTime],
    ['last time', table.lastTime],
    ['disk bytes', grouped(table.diskBytes)],
  ]
  return `${lines([text('table'), text(table.name)], facts)}\n${columnsText(stats)}`
}

/** One line for each column and codec; a column without values in a segment has one line. */
function columnsText({ columns, segments, parts }: TableStats): string {
  const rows = columns.flatMap(({ name, type, codecs }) => {
    if (codecs.length === 0) return [[name, type]]
    return codecs.map(({ codec, blocks, values, bytes, bitsPerValue }) => {
      return [name, type, codec, grouped(blocks), grouped(values), grouped(bytes), bitsPerValue]
    })
  })
  const heads = [text('column'), text('type'), text('codec'), number('blocks'), number('values')]
  const table = lines([...heads, number('bytes'), number('bits/value')], rows)
  const where = `${grouped(segments)} segments, ${grouped(parts)} parts`
  return `${table}${where}; points not flushed yet are not in these\n`
}

function lines(columns: TextColumn[], rows: Cell[][]): string {
  return [...textTable(columns, rows)].map((line) => `${line}\n`).join('')
}
