// Bodies in zstd: made by the program zstd, sent to the live server, and frames made by hand.

import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { inflateZstd } from '../../server/zstd.ts'
import { useLiveServer } from './live.ts'

const live = useLiveServer()
// CI has it (.ci/run).
const hasZstd = spawnSync('zstd', ['--version']).status === 0
// The reason to skip: the program zstd is not there.
const needsZstd = test.skipIf(!hasZstd)

function compress(bytes: Uint8Array, ...options: string[]): Uint8Array {
  const { stdout, status } = spawnSync('zstd', ['-q', '-c', ...options], {
    input: bytes,
    maxBuffer: 1 << 27,
  })
  if (status !== 0) throw new Error(`zstd ${options.join(' ')} failed`)
  return new Uint8Array(stdout)
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function inflate(bytes: Uint8Array, size = 1000): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of inflateZstd(pieces(bytes, size))) parts.push(part.slice())
  return new Uint8Array(Buffer.concat(parts))
}

/** Faster than to compare them one by one. */
function expectSame(found: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(found, expected)).toBe(0)
}

const encoder = new TextEncoder()
const lines = encoder.encode(
  Array.from({ length: 20_000 }, (_, i) => `zst,host=h${i % 7} u=${i / 3} ${i}\n`).join(''),
)
const headers = { 'Content-Encoding': 'zstd' }
/** A frame of 1 KiB windows whose blocks are given, without a checksum. */
const frame = (...blocks: number[]): Uint8Array =>
  Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0, ...blocks)
/** A last block of `size` times the letter x. */
const run = (size: number): number[] => {
  const word = 1 | (1 << 1) | (size << 3)
  return [word & 255, (word >> 8) & 255, word >> 16, 120]
}

describe('a zstd body', () => {
  needsZstd('is inflated at every level, however it is cut and framed', async () => {
    for (const level of ['-1', '-3', '-19', '--fast=5']) {
      const bytes = compress(lines, level)
      for (const size of [999, 1 << 20]) expectSame(await inflate(bytes, size), lines)
    }
    const short = lines.subarray(0, 3000)
    expectSame(await inflate(compress(short), 1), short)
    const empty = compress(new Uint8Array())
    const two = Buffer.concat([compress(lines), empty, compress(lines, '--no-check')])
    expectSame(await inflate(two), Buffer.concat([lines, lines]))
    const skippable = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3)
    expectSame(await inflate(Buffer.concat([skippable, compress(lines)])), lines)
  })

  needsZstd('is written', async () => {
    const answer = await live.send('/v1/write', compress(lines), headers)
    expect([answer.status, answer.body]).toMatchObject([200, { written: 20_000 }])
    const body = encoder.encode('{"table":"zst2","fields":{"u":[1,2]},"time":[1,2]}')
    const json = { ...headers, 'Content-Type': 'application/json' }
    expect((await live.send('/v1/points', compress(body), json)).status).toBe(200)
  })

  needsZstd('is refused where it is cut', async () => {
    const bytes = compress(lines)
    for (const end of [0, 1, 4, 5, 9, 100, bytes.length - 5, bytes.length - 1]) {
      await expect(inflate(bytes.subarray(0, end))).rejects.toThrow(/cut short|no frame/)
    }
    const answer = await live.send('/v1/write', bytes.subarray(0, 500), headers)
    expect([answer.status, answer.body['detail']]).toEqual([
      400,
      'body: its zstd encoding is damaged or cut short',
    ])
  })

  needsZstd('with bytes behind its end is refused', async () => {
    await expect(inflate(new Uint8Array([...compress(lines), 1, 2, 3, 4]))).rejects.toThrow('frame')
  })

  needsZstd('that inflates to more than the limit is a 413', async () => {
    const bomb = compress(new Uint8Array(80 << 20).fill(10))
    const answer = await live.send('/v1/write', bomb, headers)
    expect([answer.status, answer.body['code']]).toEqual([413, 'too_large'])
  })

  test('of runs is inflated block by block', async () => {
    expect(await inflate(frame(...run(1000)))).toEqual(new Uint8Array(1000).fill(120))
  })

  test.each<[string, Uint8Array]>([
    ['a window of 2 GiB', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, ...run(3))],
    [
      'a single segment of 2^40 bytes',
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0),
    ],
    ['a dictionary', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 0, 9, ...run(3))],
    ['a reserved block', frame(7, 0, 0)],
    ['a block of 2 MiB', frame(...run((1 << 21) - 1))],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0)],
    ['nothing', new Uint8Array()],
  ])('with %s is refused', async (_, bytes) => {
    await expect(inflate(bytes)).rejects.toThrow()
    const answer = await live.send('/v1/write', bytes, headers)
    expect(answer.status).toBe(400)
  })

  test.each(['br', 'snappy', 'gzip, zstd', 'zstd, zstd', 'deflate'])(
    'is not taken as %s',
    async (encoding) => {
      const answer = await live.send('/v1/write', 'm v=1', { 'Content-Encoding': encoding })
      expect([answer.status, answer.body['code']]).toEqual([415, 'unsupported_media_type'])
    },
  )
})
