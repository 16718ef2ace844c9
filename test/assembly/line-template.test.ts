import { describe, expect, test } from 'vitest'
import type { LineError } from '../../engine/error.ts'
import { openIngest, writeLines, type Point } from '../engine/ingest/ingest.ts'
import { seededRandom } from '../random.ts'

interface Outcome {
  readonly points: Point[]
  readonly errors: Pick<LineError, 'code' | 'column' | 'message' | 'input'>[]
}

/** What comes of texts, each in a batch of its own: a batch of one line knows no other line. */
async function outcome(texts: readonly string[], size?: number): Promise<Outcome> {
  const ingest = await openIngest()
  const points: Point[] = []
  const errors: Outcome['errors'] = []
  for (const text of texts) {
    ingest.committed.length = 0
    const result = await writeLines(ingest, text, { partial: true, arrival: 99n }, size)
    points.push(...ingest.committed)
    for (const { code, column, message, input } of result.errors) {
      errors.push({ code, column, message, input })
    }
  }
  return { points, errors }
}

const random = seededRandom(20)
const below = (n: number): number => Math.floor(random() * n)
const pick = <T>(items: readonly T[]): T => items[below(items.length)]!
const digits = (count: number): string =>
  Array.from({ length: count }, () => String(below(10))).join('')

/** A decimal with so many digits before and behind its point; without one if there are none. */
function decimal(whole: number, decimals: number): string {
  const sign = pick(['', '', '-'])
  return `${sign}${digits(whole)}${decimals === 0 ? '' : `.${digits(decimals)}`}`
}

const numbers = [
  ...['0', '-0', '0.0', '-0.0', '00012', '1e3', '1.5E-7', '1e400', '5.', '.5', '-.5', '-', '+1'],
  ...[
    '9007199254740993',
    '9007199254740993.0',
    '0.1',
    '179769313486231570',
    '1.7976931348623157e308',
  ],
  ...['123456789012345', '1234567890123456', '12345678901234567890', '0.30000000000000004'],
  ...['1234567890123.456', '12345678901234.5', '123456789012345.6', '1.12345678901234567'],
  ...['0.000000000000000000001', '4.9e-324', '1.', '1..2', '1.2.3', '0x1', 'nan', '1,2', '1 2'],
]

describe('a line that is like one before', () => {
  test('has the number that JavaScript reads from its text, whatever the digits', async () => {
    const texts: string[] = []
    for (let whole = 1; whole <= 20; whole++) {
      for (let decimals = 0; decimals <= 21; decimals++) texts.push(decimal(whole, decimals))
    }
    for (let i = 0; i < 20_000; i++) texts.push(String(random() * 10 ** (below(12) - 3)))
    const { points, errors } = await outcome([
      texts.map((text, i) => `m v=${text} ${i}`).join('\n') + '\n',
    ])
    expect(errors).toEqual([])
    for (const [i, text] of texts.entries()) {
      expect(points[i]!.time).toBe(BigInt(i))
      // Object.is: -0 and 0 are two numbers.
      if (!Object.is(points[i]!.fields['v'], Number(text))) {
        expect.fail(`${text} is stored as ${String(points[i]!.fields['v'])}`)
      }
    }
  })

  test('has the time of its text, from one digit to the ends of what is allowed', async () => {
    const times = Array.from({ length: 19 }, (_, i) => `${1 + below(8)}${digits(i)}`)
    times.push(
      '0',
      '000',
      '9223372036854775807',
      '9223372036854775808',
      '9999999999999999999',
      '99999999999999999999',
    )
    times.push('18446744073709551615', '-5', '1.5', '1e3', '')
    // What a line can be like has to come before it, also behind one that is refused.
    const lines = times.flatMap((time) => ['m v=1 7', `m v=1 ${time}`])
    for (const precision of ['ns', 'us', 'ms', 's'] as const) {
      const found = await Promise.all(
        [[lines.join('\n')], lines].map(async (all) => {
          const ingest = await openIngest()
          let rejected = 0
          for (const text of all) {
            const options = { partial: true, arrival: 99n, precision }
            rejected += (await writeLines(ingest, text, options)).rejected
          }
          return { rejected, points: ingest.committed }
        }),
      )
      expect(found[0]).toEqual(found[1])
    }
  })

  test('is stored or refused as it would be alone', async () => {
    const values = [
      () => decimal(1 + below(4), below(5)),
      () => `${below(1000)}i`,
      () => `${below(1000)}u`,
      () => pick(['t', 'F', 'true', 'tru']),
      () => pick(['"a"', '"a,b = c"', '"\\"\\\\"', '""', '"open', '"é"x']),
      () => pick(numbers),
    ]
    for (let round = 0; round < 60; round++) {
      const fields = Array.from({ length: 1 + below(6) }, (_, i) => ({
        name: pick(['a', 'usage_user', 'x'.repeat(30), 'x'.repeat(31), 'y'.repeat(40), 'é']) + i,
        value: pick(values.slice(0, 5)),
      }))
      const line = (i: number): string => {
        const text = fields.map(({ name, value }) => `${name}=${value()}`)
        const change = below(24)
        if (change === 0) text.reverse()
        if (change === 1) text.pop()
        if (change === 2) text.push(`z=${below(9)}`)
        if (change === 3) text.push(text[0]!)
        if (change === 4) text[below(text.length)] = `a0=${pick(values)()}`
        if (change === 5) text[0] += pick([' ', '\r', '\\', '=', ',', '"', '\0'])
        const space = pick([' ', ' ', ' ', ' ', '  ', '\t', ''])
        const end = pick(['', '', '', '', '', ' ', '\r', ' x'])
        const table = pick(['m', 'm', 'm', 'n', 'm,'])
        return `${table},h=${below(3)} ${text.join(',')}${space}${i}${end}`
      }
      const lines = Array.from({ length: 30 }, (_, i) => line(i))
      // A quote that stays open would join it with the lines behind it.
      const whole = lines.filter((text) => !/"open|\\"|="[^"]*$/.test(text))
      const together = await outcome([whole.join('\n') + '\n'])
      expect(together).toEqual(await outcome(whole))
      expect(await outcome([whole.join('\n') + '\n'], 1 + below(200))).toEqual(together)
    }
  })

  test('counts the newlines of its strings, so that later refusals have their line', async () => {
    const ingest = await openIngest()
    const text = 'm s="a\nb" 1\nm s="c\n\nd" 2\nm s="e" 3\nm s=1 4\n'
    const { errors } = await writeLines(ingest, text, { partial: true })
    expect(errors.map(({ line }) => line)).toEqual([7])
    expect(ingest.committed.map(({ fields }) => fields['s'])).toEqual(['a\nb', 'c\n\nd', 'e'])
  })

  test('of many tables, and with more kinds of lines than are remembered, is stored', async () => {
    const lines: string[] = []
    for (let i = 0; i < 400; i++) {
      const kind = i % 80
      const names = Array.from({ length: 1 + (kind % 7) }, (_, k) => `f${kind}_${k}=${i}.${k}`)
      lines.push(`t${kind % 9},h=${i % 5} ${names.join(',')} ${i}`)
    }
    const together = await outcome([lines.join('\n')])
    expect(together).toEqual(await outcome(lines))
    expect(together.points.length).toBe(400)
  })

  test('of a series that another follows each time anew is its own', async () => {
    const lines = Array.from({ length: 500 }, (_, i) => {
      const host = pick(['a', 'ab', 'abc', 'a\\ b', 'abcdefghijklmnopqrstuvwxyz', 'b'])
      return `m,h=${host} v=${i} ${i}`
    })
    const together = await outcome([lines.join('\n')])
    expect(together).toEqual(await outcome(lines))
  })
})
