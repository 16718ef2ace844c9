// Why a line, row or cell is refused. A parser sets the reason here and unwinds; the outer loop
// writes it into the request's error list. The host words the messages (engine/ingest/refusal.ts).
//
// RefusalEntry, 32 bytes of u32: 0 line  4 column (from 1)  8 kind  12 text (offset in the error
// text: first the input, then the token)  16 inputLength  20 tokenLength  24 has  28 sent (field
// types, or numbers of cells)

import { FULL } from './layout'
import { FIRST_UNPROCESSABLE } from './refusal-kind'
import { ERRORS_SHORT, lineCount, setShort } from './staging'
import { clipText, countCharacters, countNewlines } from './utf8'

/** What a parser returns after refuse(). */
export const REFUSED: i32 = -7

/** How many refusals a request keeps in full; all are counted. */
export const REFUSALS_MAX: u32 = 100

const ENTRY_BYTES: u32 = 32
const INPUT_CHARACTERS: u32 = 200
const TOKEN_CHARACTERS: u32 = 130
const INPUT_BYTES: u32 = 800
const TOKEN_BYTES: u32 = 520
/** More than the input and token of one entry can take. */
const TEXT_BYTES: u32 = 1400

// The reason that is under way.
let kind: i32 = 0
let position: usize = 0
let token: usize = 0
let tokenLength: u32 = 0
let hasType: i32 = 0
let sentType: i32 = 0

/** Sets the reason: its kind, where in the text, and the name or value that it is about. */
export function refuse(why: i32, at: usize, about: usize, aboutLength: u32): i32 {
  kind = why
  position = at
  token = about
  tokenLength = aboutLength
  hasType = 0
  sentType = 0
  return REFUSED
}

/** Like refuse, for a type that is not the column's. */
export function refuseType(
  why: i32,
  at: usize,
  about: usize,
  aboutLength: u32,
  has: i32,
  sent: i32,
): i32 {
  refuse(why, at, about, aboutLength)
  hasType = has
  sentType = sent
  return REFUSED
}

// Name and value of a cell, joined for the message.
const CELL_TOKEN: usize = memory.data(512)

/** Like refuse, for a value that does not fit the column: the token is name, NUL, value. */
export function refuseCell(
  why: i32,
  at: usize,
  name: usize,
  nameLength: u32,
  length: u32,
  has: i32,
): i32 {
  const kept = clippedSize(name, name + usize(nameLength), 60, 240)
  memory.copy(CELL_TOKEN, name, kept)
  store<u8>(CELL_TOKEN + usize(kept), 0)
  const value = clippedSize(at, at + usize(length), 60, 240)
  memory.copy(CELL_TOKEN + usize(kept) + 1, at, value)
  return refuseType(why, at, CELL_TOKEN, kept + 1 + value, has, 0)
}

/** Bytes of the first characters of a text that may be no UTF-8. */
function clippedSize(from: usize, to: usize, characters: u32, bytes: u32): u32 {
  return min(u32(clipText(from, to, characters) - from), bytes)
}

function writeEntry(
  staging: usize,
  index: u32,
  line: u32,
  column: u32,
  from: usize,
  to: usize,
): void {
  const entry = usize(load<u32>(staging, 64)) + usize(index * ENTRY_BYTES)
  const used = load<u32>(staging, 84)
  const text = usize(load<u32>(staging, 76)) + usize(used)
  const input = clippedSize(from, to, INPUT_CHARACTERS, INPUT_BYTES)
  const about = clippedSize(token, token + usize(tokenLength), TOKEN_CHARACTERS, TOKEN_BYTES)
  memory.copy(text, from, input)
  memory.copy(text + usize(input), token, about)
  store<u32>(entry, line)
  store<u32>(entry, column, 4)
  store<i32>(entry, kind, 8)
  store<u32>(entry, used, 12)
  store<u32>(entry, input, 16)
  store<u32>(entry, about, 20)
  store<i32>(entry, hasType, 24)
  store<i32>(entry, sentType, 28)
  store<u32>(staging, used + input + about, 84)
}

/**
 * Writes down the refusal of `count` samples of the metric whose name is [from, to), in the series or
 * point of this number, from 0. FULL or 0.
 */
export function recordSeries(staging: usize, index: u32, from: usize, to: usize, count: u32): i32 {
  if (keep(staging, index, 0xffffffff, from, to) < 0) return FULL
  store<u32>(staging, load<u32>(staging, 88) + count - 1, 88)
  return 0
}

/** Counts the refusal that is under way and keeps it, if it is one of the first. FULL or 0. */
function keep(staging: usize, line: u32, column: u32, from: usize, to: usize): i32 {
  const kept = load<u32>(staging, 72)
  const isMalformed = kind < FIRST_UNPROCESSABLE
  // The first malformed line decides the answer, so it is kept whatever came before.
  const isFirst = isMalformed && load<u32>(staging, 92) === 0
  if (kept < REFUSALS_MAX || isFirst) {
    if (load<u32>(staging, 68) < REFUSALS_MAX) return setShort(staging, ERRORS_SHORT)
    if (load<u32>(staging, 80) - load<u32>(staging, 84) < TEXT_BYTES) {
      return setShort(staging, ERRORS_SHORT)
    }
    const index = min(kept, REFUSALS_MAX - 1)
    writeEntry(staging, index, line, column, from, to)
    store<u32>(staging, index + 1, 72)
  }
  store<u32>(staging, load<u32>(staging, 88) + 1, 88)
  if (isMalformed) store<u32>(staging, load<u32>(staging, 92) + 1, 92)
  return 0
}

/**
 * Writes down the refusal of the text [from, to), which begins a line of the request: FULL if the
 * error list needs room (nothing changed), else 0.
 */
export function recordLine(staging: usize, from: usize, to: usize): i32 {
  const at = position >= from && position <= to ? position : from
  let start = at
  while (start > from && load<u8>(start - 1) !== 10) start--
  const line = lineCount(staging) + 1 + countNewlines(from, at)
  return keep(staging, line, countCharacters(start, at) + 1, from, to)
}

/**
 * Writes down the refusal of `count` rows of columns: the first one's number and its column's, both
 * from 0, NONE if it is about neither. FULL or 0.
 */
export function recordRows(staging: usize, row: u32, column: u32, count: u32): i32 {
  if (keep(staging, row, column, token, token) < 0) return FULL
  store<u32>(staging, load<u32>(staging, 88) + count - 1, 88)
  return 0
}
