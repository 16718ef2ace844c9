// Hostile zstd bodies (RFC 8878), made by hand: a few bytes that say a great deal, in one frame or in many,
// with sizes that are true, false or not there, and frames that hold nothing at all.

import { type Case, bytes, lines } from './sent.ts'

const BLOCK_BYTES = 131_072
const MIB = 1 << 20
const RLE = 1
/** A window of 128 KiB, as the byte behind the descriptor. */
const WINDOW = 7 << 3
/** Blocks of 100 MiB. */
const BOMB_BLOCKS = 800

const le = (value: number, size: number): number[] =>
  Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) % 256)

/** A block of `size` times the same byte. */
const run = (size: number, isLast: boolean, byte = 35): number[] => [
  ...le(Number(isLast) | (RLE << 1) | (size * 8), 3),
  byte,
]

/** A block of these bytes. */
const raw = (text: string, isLast: boolean): number[] => [
  ...le(Number(isLast) | (text.length * 8), 3),
  ...new TextEncoder().encode(text),
]

/** A frame; `size`: what its header says that it has, if it says it. */
function frame(blocks: number[], size: number | null, window = WINDOW): number[] {
  const header = size === null ? [0, window] : [0x80, window, ...le(size, 4)]
  return [...le(0xfd2fb528, 4), ...header, ...blocks]
}

const runs = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => run(BLOCK_BYTES, i === count - 1)).flat()

const skippable = (size: number, body: number[] = []): number[] => [
  ...le(0x184d2a5f, 4),
  ...le(size, 4),
  ...body,
]

/** Many of the same, without an array of numbers for all. */
function repeated(part: number[], count: number, rest: number[] = []): Uint8Array {
  const all = new Uint8Array(part.length * count + rest.length)
  for (let i = 0; i < count; i++) all.set(part, i * part.length)
  all.set(rest, part.length * count)
  return all
}

const zstd = (body: Uint8Array) => ({ ...lines(body), headers: { 'Content-Encoding': 'zstd' } })
const BAD_LINE = frame(raw('bad v= 1', true), null)
const BOMB_BYTES = BOMB_BLOCKS * BLOCK_BYTES

export const ZSTD: Case[] = [
  [
    'a bomb whose size is declared',
    () => zstd(bytes(...frame(runs(BOMB_BLOCKS), BOMB_BYTES))),
    413,
    'too_large',
  ],
  [
    'a bomb whose size is not declared',
    () => zstd(bytes(...frame(runs(BOMB_BLOCKS), null))),
    413,
    'too_large',
  ],
  ['a bomb of many frames', () => zstd(repeated(frame(runs(8), MIB), 100)), 413, 'too_large'],
  [
    'a bomb that says it is small',
    () => zstd(bytes(...frame(runs(BOMB_BLOCKS), 9))),
    413,
    'too_large',
  ],
  [
    'a bomb behind skippable frames',
    () => zstd(repeated(skippable(4, [0, 0, 0, 0]), 1_000, frame(runs(BOMB_BLOCKS), null))),
    413,
    'too_large',
  ],
  [
    'a million frames of nothing',
    () => zstd(repeated(frame(raw('', true), 0), 1_000_000)),
    400,
    'bad_request',
  ],
  [
    'two million skippable frames, then a bad line,',
    () => zstd(repeated(skippable(0), 2_000_000, BAD_LINE)),
    400,
    'line_protocol',
  ],
  [
    'a skippable frame of 4 GiB that is not there',
    () => zstd(bytes(...skippable(0xffffffff, [1, 2, 3]))),
    400,
    'bad_request',
  ],
  [
    'a frame cut short',
    () => zstd(bytes(...frame(runs(2), null).slice(0, -5))),
    400,
    'bad_request',
  ],
  ['a frame without blocks', () => zstd(bytes(...frame([], null))), 400, 'bad_request'],
  ['a header cut short', () => zstd(bytes(...le(0xfd2fb528, 4), 0x80)), 400, 'bad_request'],
  [
    'a window of 3 TiB',
    () => zstd(bytes(...frame(run(1, true), null, 31 << 3))),
    400,
    'bad_request',
  ],
  [
    'a single segment of 4 GiB',
    () => zstd(bytes(...le(0xfd2fb528, 4), 0xa0, ...le(0xffffffff, 4), ...run(1, true))),
    400,
    'bad_request',
  ],
  [
    'a block larger than blocks are',
    () => zstd(bytes(...frame(run(BLOCK_BYTES + 1, true), null))),
    400,
    'bad_request',
  ],
  ['a reserved kind of block', () => zstd(bytes(...frame(le(7, 3), null))), 400, 'bad_request'],
  [
    'a dictionary that is not there',
    () => zstd(bytes(...le(0xfd2fb528, 4), 1, WINDOW, 9, ...run(1, true))),
    400,
    'bad_request',
  ],
  ['bytes that are no frame', () => zstd(bytes(1, 2, 3, 4, 5, 6)), 400, 'bad_request'],
  ['no bytes at all', () => zstd(bytes()), 400, 'bad_request'],
  [
    'zstd in zstd',
    () => ({ ...lines(bytes(...BAD_LINE)), headers: { 'Content-Encoding': 'zstd, zstd' } }),
    415,
    'unsupported_media_type',
  ],
]
