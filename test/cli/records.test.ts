// Cutting files into batches of whole records, however their bytes arrive.

import { describe, expect, test } from 'vitest'
import {
  batchRecords,
  csvScanner,
  lineScanner,
  splitHeader,
  type RecordScanner,
} from '../../server/cli/records.ts'
import { seededRandom } from '../kernel.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Text in chunks of the given sizes, used in turn. */
async function* chunked(text: string, sizes: number[]): AsyncGenerator<Uint8Array> {
  const bytes = encode(text)
  for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    yield bytes.subarray(offset, offset + size)
    offset += size
  }
}

async function cut(text: string, scanner: RecordScanner, sizes: number[], target: number) {
  const batches: { text: string; linesBefore: number }[] = []
  for await (const { bytes, linesBefore } of batchRecords(chunked(text, sizes), scanner, target)) {
    batches.push({ text: decode(bytes), linesBefore })
  }
  return batches
}

/** Every place where a record ends, from a scanner fed byte by byte. */
function recordEnds(text: string, scanner: RecordScanner): number[] {
  const bytes = encode(text)
  return [...bytes.keys()].filter((at) => scanner.scan(bytes.subarray(at, at + 1), 0) === 1)
}

describe('line protocol', () => {
  test.each([
    ['a v=1\nb v=2\n', [5, 11]],
    ['a v="x\ny"\nb v=2\n', [9, 15]],
    ['a v="x\\"\ny"\n', [11]],
    ['a v="x\\\\"\nb v=1\n', [9, 15]],
    ['# don\'t "\na v=1\n', [9, 15]],
    ['a,t=" v=1\nb v=1\n', [9, 15]],
    ['a,t=x\\ y=" v=1\nb v=1\n', [14, 20]],
    ['a k"=1\nb v="\n"\n', [6, 14]],
    ['a v="x" 1\r\nb v=1\n', [10, 16]],
    ['a v="open\nb v=1\n', []],
    ['a v=1,w="x\ny",z="\n"\nc v=1\n', [19, 25]],
    ['a\\\nb v=1\n', [2, 8]],
    ['\n\n', [0, 1]],
  ])('the lines of %j end where its quotes allow', (text, ends) => {
    expect(recordEnds(text, lineScanner())).toEqual(ends)
  })
})

describe('CSV', () => {
  test.each([
    ['a,b\n1,2\n', [3, 7]],
    ['a,"b\nc"\n1,2\n', [7, 11]],
    ['a,"b""\n""c"\n1,2\n', [11, 15]],
    ['a,5" pipe\n1,2\n', [9, 13]],
    ['"",""\r\n', [6]],
    ['"a"\n"\n"\n', [3, 7]],
    ['a,"open\n1,2\n', []],
  ])('the records of %j end where its quotes allow', (text, ends) => {
    expect(recordEnds(text, csvScanner())).toEqual(ends)
  })

  test('the header may have line breaks in quotes', () => {
    const { header, rest } = splitHeader(encode('"a\nb",c\n1,2\n'))!
    expect([decode(header), decode(rest)]).toEqual(['"a\nb",c\n', '1,2\n'])
    expect(splitHeader(encode('a,b'))).toBeNull()
    expect(splitHeader(encode(''))).toBeNull()
  })
})

describe('batches', () => {
  test('are whole lines of at least the size asked for, and know the lines before them', async () => {
    // Chunks of 5 bytes: `a v=1 | \nb v= | 2\nc v | =3\nd  | v=4`.
    expect(await cut('a v=1\nb v=2\nc v=3\nd v=4', lineScanner(), [5], 8)).toEqual([
      { text: 'a v=1\nb v=2\n', linesBefore: 0 },
      { text: 'c v=3\nd v=4', linesBefore: 2 },
    ])
  })

  test('an empty file has none', async () => {
    expect(await cut('', csvScanner(), [1], 1)).toEqual([])
  })

  test('put together they are the file, and each begins where a record begins', async () => {
    const pieces = ['"', '\n', ',', 'a', '\\', ' ', '=', '#', 'v="x\ny"', 'a v=1\n', '"q\n""r"\n']
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed)
      const count = Math.floor(random() * 60)
      const text = Array.from(
        { length: count },
        () => pieces[Math.floor(random() * pieces.length)]!,
      ).join('')
      const sizes = Array.from({ length: 5 }, () => 1 + Math.floor(random() * 12))
      for (const make of [lineScanner, csvScanner]) {
        const batches = await cut(text, make(), sizes, 1 + Math.floor(random() * 20))
        expect(batches.map((batch) => batch.text).join(''), `seed ${seed}`).toBe(text)
        const ends = recordEnds(text, make())
        let end = -1
        let lines = 0
        for (const batch of batches) {
          expect(batch.linesBefore, `seed ${seed}`).toBe(lines)
          lines += batch.text.split('\n').length - 1
          end += encode(batch.text).length
          if (batch !== batches.at(-1)) expect(ends, `seed ${seed}`).toContain(end)
        }
      }
    }
  })
})
