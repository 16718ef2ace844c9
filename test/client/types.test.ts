// What the compiler knows: tsc checks this file, and each @ts-expect-error is a mistake that it must find.
// Nothing is sent: the client's fetch answers everything with an empty answer.

import { z } from 'zod'
import { expectTypeOf, test } from 'vitest'
import {
  createClient,
  type AnswerTime,
  type FieldValue,
  type QueryRequest,
  type TimeOf,
} from '../../client/index.ts'

const empty = { columns: [], series: [], cursor: null, firstTime: null, lastTime: null }
const db = createClient({
  url: 'http://none.example',
  fetch: async () => new Response(JSON.stringify(empty)),
})

interface Cpu {
  tags: { host: string; rack?: string }
  fields: { usage: number; requests: bigint; ok: boolean; note?: string }
}
const cpu = db.table<Cpu>('cpu')

test('times are what the request asks for', async () => {
  expectTypeOf<TimeOf<{ table: string }>>().toEqualTypeOf<number>()
  expectTypeOf<TimeOf<{ time: 'ms' }>>().toEqualTypeOf<number>()
  expectTypeOf<TimeOf<{ time: 'ns' }>>().toEqualTypeOf<bigint>()
  expectTypeOf<TimeOf<{ time: 'rfc3339' }>>().toEqualTypeOf<string>()
  expectTypeOf<TimeOf<{ time: 'date' }>>().toEqualTypeOf<Date>()
  expectTypeOf<TimeOf<QueryRequest>>().toEqualTypeOf<AnswerTime>()
  const { firstTime } = await cpu.describe({ time: 'ns' })
  expectTypeOf(firstTime).toEqualTypeOf<bigint | null>()
})

test('select as an object names the columns, and its functions say what they hold', async () => {
  const answer = await db.query({
    table: 'cpu',
    select: { mean: 'mean(usage)', n: 'count(*)', top: 'max(requests)' },
    by: ['host'],
    every: '1m',
  })
  const series = answer.series[0]
  expectTypeOf(series?.fields.mean).toEqualTypeOf<(number | null)[] | undefined>()
  expectTypeOf(series?.fields.n).toEqualTypeOf<(bigint | null)[] | undefined>()
  expectTypeOf(series?.fields.top).toEqualTypeOf<(FieldValue | null)[] | undefined>()
  expectTypeOf(series?.tags.host).toEqualTypeOf<string | null | undefined>()
  // @ts-expect-error: no such column was selected
  void series?.fields.median
  // @ts-expect-error: not a tag of the groups
  void series?.tags.rack
  for (const row of answer.rows()) {
    expectTypeOf(row.time).toEqualTypeOf<number>()
    expectTypeOf(row.mean).toEqualTypeOf<number | null>()
    expectTypeOf(row.host).toEqualTypeOf<string | null>()
  }
})

test('select as a list names the columns by alias or text', async () => {
  const { series } = await cpu.query({
    select: ['mean(usage) AS u', 'max(requests)', 'count(ok) as c'],
  })
  expectTypeOf(series[0]?.fields.u).toEqualTypeOf<(number | null)[] | undefined>()
  expectTypeOf(series[0]?.fields['max(requests)']).toEqualTypeOf<(bigint | null)[] | undefined>()
  expectTypeOf(series[0]?.fields.c).toEqualTypeOf<(bigint | null)[] | undefined>()
})

test('a table that is typed has its fields and tags in answers', async () => {
  const answer = await cpu.query({ start: '-1h', time: 'date' })
  for (const row of answer.rows()) {
    expectTypeOf(row.usage).toEqualTypeOf<number | null>()
    expectTypeOf(row.requests).toEqualTypeOf<bigint | null>()
    expectTypeOf(row.note).toEqualTypeOf<string | null>()
    expectTypeOf(row.host).toEqualTypeOf<string | undefined>()
    expectTypeOf(row.time).toEqualTypeOf<Date>()
  }
  const latest = await cpu.latest({ select: { last: 'last(note)', p: 'quantile(usage, 0.95)' } })
  expectTypeOf(latest.series[0]?.fields).toEqualTypeOf<
    { last: (string | null)[]; p: (number | null)[] } | undefined
  >()
})

test('rows of exports and events of a tail are typed alike', async () => {
  for await (const row of cpu.rows({ select: ['usage'], time: 'ns' })) {
    expectTypeOf(row.usage).toEqualTypeOf<number | null>()
    expectTypeOf(row.time).toEqualTypeOf<bigint>()
  }
  const follow = async (): Promise<void> => {
    for await (const event of cpu.tail({ select: { u: 'mean(usage)' }, every: '1m' })) {
      if (event.kind === 'gap') expectTypeOf(event.id).toEqualTypeOf<string>()
      else for (const row of event.rows()) expectTypeOf(row.u).toEqualTypeOf<number | null>()
    }
  }
  expectTypeOf(follow).toEqualTypeOf<() => Promise<void>>()
})

test('a wrong field or tag is a compile error', async () => {
  const tags = { host: 'a' }
  await cpu.write({ tags, fields: { usage: 0.5, requests: 1n } })
  await cpu.write({ tags, time: [1, 2], fields: { usage: [0.5, null], ok: [true, false] } })
  // @ts-expect-error: a field that the table does not have
  await cpu.write({ tags, fields: { usge: 0.5 } })
  // @ts-expect-error: a number where an integer is
  await cpu.write({ tags, fields: { requests: 1 } })
  // @ts-expect-error: a tag that the table does not have
  await cpu.write({ tags: { host: 'a', zone: 'x' }, fields: { usage: 1 } })
  // @ts-expect-error: a tag that every point has
  await cpu.write({ tags: {}, fields: { usage: 1 } })
  const writer = cpu.writer()
  // @ts-expect-error: a text in a field of numbers
  writer.add({ tags, time: 1, fields: { usage: 'x' } })
  // @ts-expect-error: an expression over no field
  await cpu.query({ select: { u: 'mean(usge)' } })
  // @ts-expect-error: no such field
  await cpu.query({ select: ['usage', 'usge'] })
  // @ts-expect-error: neither field nor tag
  await cpu.query({ where: { hots: 'a' } })
  // @ts-expect-error: not a tag
  await cpu.query({ by: ['usage'] })
  // @ts-expect-error: the member is `start`
  await cpu.query({ from: '-1h' })
  // @ts-expect-error: not a tag
  await cpu.tagValues('zone')
  // @ts-expect-error: not a field
  await cpu.dropColumn('usge')
})

test('a schema types its table', async () => {
  const schema = z.object({
    tags: z.object({ room: z.string() }),
    fields: z.object({ celsius: z.number(), steps: z.bigint().optional() }),
  })
  const rooms = db.table('room', schema)
  await rooms.write({ tags: { room: 'hall' }, fields: { celsius: 21.5 } })
  // @ts-expect-error: a field that the schema does not have
  const wrong = rooms.write({ tags: { room: 'hall' }, fields: { fahrenheit: 70 } })
  await wrong.catch(() => {})
  const { series } = await rooms.query({ select: { top: 'max(steps)' } })
  expectTypeOf(series[0]?.fields.top).toEqualTypeOf<(bigint | null)[] | undefined>()
})

test('a request with a member that does not exist is refused', () => {
  // @ts-expect-error: the member is `start`
  const request: QueryRequest = { table: 'cpu', from: '-1h' }
  expectTypeOf(request).toEqualTypeOf<QueryRequest>()
})

test('what is not known before may have any column', async () => {
  const select: string[] = ['usage']
  const answer = await db.query({ table: 'cpu', select })
  expectTypeOf(answer.series[0]?.fields['usage']).toEqualTypeOf<(FieldValue | null)[] | undefined>()
  const text = await db.query({ table: 'cpu', select: 'mean(a), max(b) AS b' })
  expectTypeOf(text.series[0]?.fields['b']).toEqualTypeOf<(FieldValue | null)[] | undefined>()
})
