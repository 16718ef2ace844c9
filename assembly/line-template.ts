// Lines that look like one before: programs print the same fields of a table in the same order again
// and again. A line that the parser took becomes a template, names of fields and where their values lie
// in its row; a line of the same table that has exactly these names goes to its row in one pass, each
// name found by comparing 32 bytes. Whatever is not as expected is left to the parser, from the start.
//
// Templates live during one call of the parser, so that what they point at stays.
// Template: 0 table u32  4 shape u32  8 fields u32  12 1 if one is a string u32  16 their order u32
//   20..32 reserved
// Field, 80 bytes: 0 `name=` 32 bytes  32 which of them count, 32 bytes of 0xff or 0
//   64 bytes of `name=` u32  68 offset of the value in the row u32  72 type u32

import { ROW_HEADER, STRING } from './layout'
import { digitsEnd, plainNumber, plainSlot, takeDigits } from './digits'
import { parseValue, valueForm, valueSlot, valueType } from './field-value'
import { keyTableKey } from './key-table'
import { FORM_NONE, isExpired, orderOf, stageString } from './staged-row'
import { COLUMNS, SHAPES, entryOf, keyTableOf, timeUnit } from './staging'
import { scaleTime, timeValue } from './time-text'

const HEAD: u32 = 32
const FIELD: u32 = 80
const NAME_MAX: u32 = 31
const TEMPLATES_MAX: u32 = 32
const ARENA_SIZE: u32 = 49152
const ARENA: usize = memory.data(49152)
const OFFSETS: usize = memory.data(32 * 4)

let count: u32 = 0
let used: u32 = 0

/** Forgets all templates. */
export function forgetTemplates(): void {
  count = 0
  used = 0
}

/** Is there nothing in a name that text has to escape? */
function isPlainName(name: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(name + usize(i))
    if (byte === 44 || byte === 61 || byte === 32 || byte === 92 || byte === 10) return false
  }
  return true
}

/** Writes a field of a template, whose value is at `index` of its row; false if it cannot be one. */
function makeField(staging: usize, target: usize, column: u32, index: u32): bool {
  const entry = entryOf(staging, COLUMNS, column)
  const length = load<u32>(entry, 4) - 4
  const name = keyTableKey(keyTableOf(staging, COLUMNS, column), entry) + 4
  if (length > NAME_MAX || !isPlainName(name, length)) return false
  memory.fill(target, 0, FIELD)
  memory.copy(target, name, length)
  store<u8>(target + usize(length), 61)
  memory.fill(target + 32, 0xff, length + 1)
  store<u32>(target, length + 1, 64)
  store<u32>(target, u32(ROW_HEADER) + (index << 3), 68)
  store<u32>(target, load<u32>(entry, 20), 72)
  return true
}

function templateOf(number: u32): usize {
  return ARENA + usize(load<u32>(OFFSETS + (usize(number - 1) << 2)))
}

/** A number for the order in which the fields of the last row came. */
function orderSign(fields: u32): u32 {
  let sign: u32 = 0
  for (let i: u32 = 0; i < fields; i++) sign = sign * 31 + (u32(orderOf(i)) >> 2)
  return sign
}

/**
 * The number of the template for lines like the one of `fields` fields whose row was appended last, made
 * if there is none; 0 if there cannot be one.
 */
export function templateFor(staging: usize, table: u32, fields: u32): u32 {
  const shape = load<u32>(staging, 104)
  // A field that was there twice is once in the row.
  if (load<u32>(entryOf(staging, SHAPES, shape), 20) !== fields) return 0
  const sign = orderSign(fields)
  for (let number: u32 = 1; number <= count; number++) {
    const template = templateOf(number)
    if (load<u32>(template) !== table || load<u32>(template, 4) !== shape) continue
    if (load<u32>(template, 16) === sign) return number
  }
  const size = HEAD + fields * FIELD
  if (count === TEMPLATES_MAX || size > ARENA_SIZE - used) return 0
  return makeTemplate(staging, table, fields, sign)
}

function makeTemplate(staging: usize, table: u32, fields: u32, sign: u32): u32 {
  const template = ARENA + usize(used)
  let text: u32 = 0
  for (let i: u32 = 0; i < fields; i++) {
    const order = orderOf(i)
    const target = template + usize(HEAD + (u32(order) >> 2) * FIELD)
    if (!makeField(staging, target, u32(order >> 32), i)) return 0
    if (load<i32>(target, 72) === STRING) text = 1
  }
  store<u32>(template, table)
  store<u32>(template, load<u32>(staging, 104), 4)
  store<u32>(template, fields, 8)
  store<u32>(template, text, 12)
  store<u32>(template, sign, 16)
  store<u32>(OFFSETS + (usize(count) << 2), used)
  used += HEAD + fields * FIELD
  count++
  return count
}

// The slot that otherValue found.
let otherSlot: u64 = 0

/** Any value of this type that is no plain number: the address behind it, or 0. */
function otherValue(staging: usize, type: i32, p: usize, end: usize): usize {
  const behind = parseValue(p, end)
  if (behind === 0 || valueType !== type) return 0
  otherSlot = valueSlot
  if (valueForm === FORM_NONE) return behind
  if (load<u32>(staging, 52) - load<u32>(staging, 56) < u32(valueSlot >> 32)) return 0
  otherSlot = stageString(staging, valueSlot, valueForm)
  return behind
}

function isStop(byte: u32): bool {
  return byte === 44 || byte === 32
}

/** Puts the fields at p into the row: the address behind the space that ends them, or 0. */
function matchFields(staging: usize, template: usize, row: usize, from: usize, end: usize): usize {
  let p = from
  let field = template + usize(HEAD)
  const last = field + usize(load<u32>(template, 8) * FIELD)
  while (true) {
    const low = v128.and(v128.xor(v128.load(p), v128.load(field)), v128.load(field, 32))
    const high = v128.and(v128.xor(v128.load(p, 16), v128.load(field, 16)), v128.load(field, 48))
    if (v128.any_true(v128.or(low, high))) return 0
    p += usize(load<u32>(field, 64))
    const type = load<i32>(field, 72)
    const target = row + usize(load<u32>(field, 68))
    let behind = plainNumber(p, type)
    if (behind !== 0 && isStop(load<u8>(behind))) {
      store<u64>(target, plainSlot)
    } else {
      behind = otherValue(staging, type, p, end)
      if (behind === 0) return 0
      store<u64>(target, otherSlot)
    }
    const stop = load<u8>(behind)
    field += usize(FIELD)
    if (field === last) return stop === 32 ? behind + 1 : 0
    if (stop !== 44) return 0
    p = behind + 1
  }
}

/** Takes the time at p, plain digits, into timeValue: the newline behind it, or 0. */
function matchTime(staging: usize, p: usize, end: usize): usize {
  const value = takeDigits(p)
  if (digitsEnd === p || digitsEnd >= end || load<u8>(digitsEnd) !== 10) return 0
  if (value > u64(i64.MAX_VALUE) || scaleTime(i64(value), timeUnit(staging)) < 0) return 0
  return digitsEnd
}

/**
 * Stages the line of this series whose fields begin at p, if it is like the template of this number
 * (0 = none) and its newline is before `end`: that newline's address. Else 0, and nothing has changed.
 */
export function matchLine(
  staging: usize,
  number: u32,
  table: u32,
  series: u32,
  p: usize,
  end: usize,
): usize {
  if (number === 0 || number > count) return 0
  const template = templateOf(number)
  const size = u32(ROW_HEADER) + (load<u32>(template, 8) << 3)
  const rowsUsed = load<u32>(staging, 40)
  if (load<u32>(template) !== table || load<u32>(staging, 36) - rowsUsed < size) return 0
  const row = usize(load<u32>(staging, 32)) + usize(rowsUsed)
  const textUsed = load<u32>(staging, 56)
  const behind = matchFields(staging, template, row, p, end)
  const stop = behind === 0 ? behind : matchTime(staging, behind, end)
  if (stop === 0 || isExpired(staging, table, timeValue)) {
    store<u32>(staging, textUsed, 56)
    return 0
  }
  const shape = load<u32>(template, 4)
  store<u32>(row, series)
  store<u32>(row, shape, 4)
  store<u64>(row, 0, 8)
  store<i64>(row, timeValue, 16)
  store<u32>(staging, rowsUsed + size, 40)
  store<u32>(staging, load<u32>(staging, 44) + 1, 44)
  store<u32>(staging, table, 100)
  store<u32>(staging, shape, 104)
  hasText = load<u32>(template, 12) !== 0
  return stop
}

/** Whether the line that was matched last has strings, which may hold newlines. */
export let hasText: bool = false
