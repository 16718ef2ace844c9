import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  ENTRY_SIZE,
  FLOAT,
  check,
  decodeColumn,
  encodeColumn,
  floatSlots,
  guarded,
  kernel,
  memory,
  readEntry,
} from './block.ts'

const text = readFileSync(new URL('../../docs/format.md', import.meta.url), 'utf8')

/** The hex blocks of the example under a section, as bytes. */
function examples(section: string): Uint8Array[] {
  const body = text.split(`\n## ${section}\n`)[1]!.split('\n## ')[0]!.split('### Example')[1]!
  return [...body.matchAll(/```\n([0-9a-f\s]+)```/g)].map((match) =>
    Uint8Array.from(match[1]!.trim().split(/\s+/), (byte) => parseInt(byte, 16)),
  )
}

const [bytes, page] = examples('Directory pages') as [Uint8Array, Uint8Array]
const ROWS = 64
const valid = Uint8Array.from({ length: ROWS }, (_, i) => (i === 5 ? 0 : 1))
const values = Array.from(
  { length: ROWS },
  (_, i) => (1000 + 20_000 * i + ((37 * i * i) % 101) * 37) / 10,
)

function decodePage(): Uint8Array {
  return guarded(page.length, (source) =>
    guarded(ENTRY_SIZE, (entry) => {
      memory.u8.set(page, source)
      expect(kernel.decodePage(FLOAT, source, page.length, entry, 1)).toBe(1)
      return memory.u8.slice(entry, entry + ENTRY_SIZE)
    }),
  )
}

describe('the example of docs/format.md', () => {
  test('is decoded by the kernel to the values that it names', () => {
    const block = { type: FLOAT, bytes, entry: decodePage() }
    expect(check(block)).toBe(0)
    const decoded = decodeColumn(block)
    expect(decoded.valid).toEqual(valid)
    const found = new Float64Array(decoded.slots.buffer)
    for (let i = 0; i < ROWS; i++) if (valid[i]) expect(found[i], `row ${i}`).toBe(values[i])
  })

  test('has the directory entry that it describes', () => {
    const entry = readEntry(decodePage())
    const slot = (value: number): bigint => floatSlots([value])[0]!
    const sum = values.reduce((total, value, i) => total + (valid[i] ? value * 10 : 0), 0) / 10
    expect(entry).toMatchObject({ size: 136, rows: 64, count: 63, encoding: 2, flags: 9 })
    expect(entry).toMatchObject({ width: 13, exponent: 1, base: -2996n, slope: 20_074n, pieces: 1 })
    expect(entry).toMatchObject({
      min: slot(values[0]!),
      max: slot(values[63]!),
      first: slot(values[0]!),
      last: slot(values[63]!),
      sumLow: slot(sum),
    })
  })

  test('is what the kernel writes', () => {
    const block = encodeColumn(FLOAT, floatSlots(values), valid)
    expect(block.bytes).toEqual(bytes)
    const entry = decodePage()
    new DataView(entry.buffer).setUint32(0, 0, true)
    expect(block.entry).toEqual(entry)
  })

  test('follows from the text alone: residuals, line, decimal, bitmap', () => {
    const view = new DataView(bytes.buffer)
    for (let i = 0; i < ROWS; i++) {
      const [row, stream] = [i >> 5, i & 31]
      const word = view.getUint32(stream * 4, true)
      const residual = (word >>> (row * 13)) & 8191
      const isValid = ((bytes[128 + (i >> 3)]! >> (i & 7)) & 1) === 1
      expect(isValid).toBe(valid[i] === 1)
      if (isValid) expect((-2996 + 20_074 * i + residual) / 10, `row ${i}`).toBe(values[i])
      else expect(residual).toBe(0)
    }
  })
})
