// A body that is read column by column gives what the same body gives as JSON, to the places and inputs
// of errors; a body with anything wrong in it is not read so, whatever is wrong.

import { describe, expect, test } from 'vitest'
import type { ColumnPoints } from '../../../engine/ingest/batch.ts'
import type { Precision } from '../../../engine/query/query.ts'
import { OmenError } from '../../../engine/error.ts'
import { readColumnEntries, sinkEntries } from '../../../server/ingest/json-columns.ts'
import { readPoints, type PointSink } from '../../../server/ingest/points.ts'
import { Refusals } from '../../../server/ingest/refusal.ts'
import { parseJson } from '../../../server/json.ts'
import { JSON_CONTAINERS_MAX } from '../../../server/limits.ts'
import { openKernel } from '../../kernel.ts'
import { randomOf, type Random } from '../../random.ts'

const kernel = await openKernel()
const ARRIVAL = 1_800_000_000_000_000_000n

/** What a sink was given, as plain values. */
function collecting(): { sink: PointSink; given: unknown[] } {
  const given: unknown[] = []
  const sink: PointSink = (points, placeOf) => {
    const rows = Array.from(points.times.keys())
    given.push({
      ...{ table: points.table, tags: [...points.tags], times: [...points.times] },
      fields: points.fields.map(({ name, type, declared, values, valid }) => {
        const cells = rows.map((row) => (valid?.[row] === 0 ? null : cellOf(values, row)))
        return { name, type, declared, cells, places: rows.map((row) => placeOf(row, name)) }
      }),
      places: [placeOf(null, null), ...rows.map((row) => placeOf(row, null))],
    })
  }
  return { sink, given }
}

function cellOf(values: ColumnPoints['fields'][number]['values'], row: number): unknown {
  const cell = values.at(row)
  return Object.is(cell, -0) ? '-0' : cell
}

function drain<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Null: it was not read so. */
function asColumns(body: Uint8Array, precision: Precision): unknown[] | null {
  const context = { precision, arrival: ARRIVAL }
  const entries = drain(readColumnEntries(body, context, () => kernel))
  if (entries === null) return null
  const { sink, given } = collecting()
  drain(sinkEntries(entries, sink))
  return given
}

/** Null: it was refused, whole or in part. */
function asJson(body: Uint8Array, precision: Precision): unknown[] | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    const refusals = new Refusals()
    const { sink, given } = collecting()
    drain(readPoints(parseJson(text, 'body'), { precision, arrival: ARRIVAL }, refusals, sink))
    return refusals.count > 0 ? null : given
  } catch (error) {
    if (error instanceof OmenError || error instanceof TypeError) return null
    throw error
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function randomEntry(random: Random): object {
  const count = random.pick([0, 1, 3, 50])
  const cells = (make: () => unknown): unknown[] =>
    Array.from({ length: count }, () => (random.chance(0.1) ? null : make()))
  const whole = () => random.int(2_000_000) - 1_000_000
  const makers: Record<string, () => unknown> = {
    float: () => random.pick([whole() / 8, 0.1, 1e300, -0, 5e-324]),
    integer: whole,
    unsigned: () => Math.abs(whole()),
    boolean: () => random.chance(0.5),
    string: () => random.pick(['', 'a', 'ü🌡', '"\\\n', '1', '],[', '\u0000']),
  }
  const fields: Record<string, unknown[]> = {}
  const types: Record<string, string> = {}
  for (const name of ['b', '10', 'a b', '2', 'ü', 'constructor'].slice(random.int(6))) {
    const type = random.pick(Object.keys(makers))
    fields[name] = random.chance(0.1)
      ? Array.from({ length: count }, () => null)
      : cells(makers[type]!)
    if (random.chance(0.5)) types[name] = type
  }
  const time = Array.from({ length: count }, () => 1_790_000_000_000 + whole())
  const members: [string, unknown][] = [
    ['table', random.pick(['cpu', 'ü', ''])],
    ['tags', random.pick([{}, { host: 'a', '7': 'x', rack: '', row: null }])],
    ['fields', fields],
  ]
  if (random.chance(0.8)) members.push(['time', time])
  if (random.chance(0.6)) members.push(['types', types])
  return Object.fromEntries(members.sort(() => random.next() - 0.5))
}

function randomBody(random: Random): string {
  const isList = random.chance(0.5)
  const entries = Array.from({ length: isList ? 1 + random.int(4) : 1 }, () => randomEntry(random))
  return JSON.stringify(isList ? entries : entries[0], null, random.pick([undefined, 1, '\t']))
}

describe('a body of columns', () => {
  test('gives what it gives as JSON', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = randomOf(seed)
      const body = bytesOf(randomBody(random))
      const precision = random.pick(['ms', 'us', 'ns'] as const)
      const expected = asJson(body, precision)
      expect(expected, `seed ${seed}`).not.toBeNull()
      expect(asColumns(body, precision), `seed ${seed}`).toEqual(expected)
    }
  })

  test('with a byte changed gives that, or is not read so', () => {
    const marks = '{}[]",:\\ 0123456789-+.eEntfu\n\u0000\u007f'
    let read = 0
    for (let seed = 1; seed <= 6_000; seed++) {
      const random = randomOf(seed)
      const body = bytesOf(randomBody(randomOf(seed % 100)))
      const at = random.int(body.length)
      const byte = random.chance(0.2) ? random.int(256) : marks.charCodeAt(random.int(marks.length))
      const cut = random.int(2)
      const broken = Uint8Array.from([...body.slice(0, at), byte, ...body.slice(at + cut)])
      const given = asColumns(broken, 'ms')
      if (given === null) continue
      read++
      expect(given, `seed ${seed}: ${new TextDecoder().decode(broken)}`).toEqual(
        asJson(broken, 'ms'),
      )
    }
    expect(read).toBeGreaterThan(500)
  })

  test('is read in pieces when it is long, with the places of all its rows', () => {
    const count = 40_000
    const entry = {
      table: 'cpu',
      time: Array.from({ length: count }, (_, i) => i),
      fields: {
        u: Array.from({ length: count }, (_, i) => i / 4),
        s: Array.from({ length: count }, (_, i) => (i % 3 === 0 ? null : `t${i}`)),
      },
    }
    const body = bytesOf(JSON.stringify(entry))
    const given = asColumns(body, 'ms')
    expect(given!.length).toBeGreaterThan(5)
    expect(given).toEqual(asJson(body, 'ms'))
  })

  const one = '{"table":"t","time":[1],"fields":{"a":[1]}}'
  test.each([
    ['a byte order mark', `\ufeff${one}`],
    ['an end that comes too soon', one.slice(0, -1)],
    ['garbage behind it', `${one}x`],
    ['a second body', `${one}${one}`],
    ['a comma behind the last entry', `[${one},]`],
    ['a member twice', one.replace('{', '{"table":"u",')],
    ['a field twice', one.replace('"a":[1]', '"a":[1],"a":[2]')],
    ['a field twice, one of them escaped', one.replace('"a":[1]', '"a":[1],"\\u0061":[2]')],
    ['a member that is unknown', one.replace('{', '{"x":1,')],
    ['rows', '{"table":"t","rows":[]}'],
    ['no table', '{"time":[1],"fields":{"a":[1]}}'],
    ['no fields', '{"table":"t","time":[1]}'],
    ['a table that is a number', one.replace('"t"', '1')],
    ['a tag that is a number', one.replace('{', '{"tags":{"x":1},')],
    ['a tag twice', one.replace('{', '{"tags":{"x":"1","x":"2"},')],
    ['half of a surrogate pair in a tag', one.replace('{', '{"tags":{"x":"\\ud800"},')],
    ['a type that is none', one.replace('{', '{"types":{"a":"number"},')],
    ['columns of two lengths', one.replace('"a":[1]', '"a":[1,2]')],
    ['a time that is a fraction', one.replace('[1]', '[1.5]')],
    ['a time that is null', one.replace('[1]', '[null]')],
    ['a time beyond the range', one.replace('[1]', '[9007199254740991]')],
    ['a time that is true', one.replace('[1]', '[true]')],
    ['a fraction for an integer', one.replace('{', '{"types":{"a":"integer"},').replace('a":[1]', 'a":[1.5]')],
    ['a negative for an unsigned', one.replace('{', '{"types":{"a":"unsigned"},').replace('a":[1]', 'a":[-1]')],
    ['digits in a string for an integer', one.replace('{', '{"types":{"a":"integer"},').replace('a":[1]', 'a":["1"]')],
    ['a number for a string', one.replace('{', '{"types":{"a":"string"},')],
    ['a number beyond the range', one.replace('a":[1]', 'a":[1e999]')],
    ['a column called __proto__', one.replace('"a"', '"__proto__"')],
    ['nesting', `${'['.repeat(50)}${one}${']'.repeat(50)}`],
    ['nothing in it', ''],
    ['an empty list', '[]'],
  ])('with %s is left to JSON', (_name, text) => {
    expect(asColumns(bytesOf(text), 'ms')).toBeNull()
  }) // prettier-ignore

  test('of too many objects is left to JSON, which refuses it', () => {
    const entry = '{"table":"t","fields":{"a":[]}},'
    const count = Math.ceil(JSON_CONTAINERS_MAX / 3)
    expect(asColumns(bytesOf(`[${entry.repeat(count)}${entry.slice(0, -1)}]`), 'ms')).toBeNull()
  })
})
