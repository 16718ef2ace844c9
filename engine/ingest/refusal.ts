// What a refused line, row or cell is told: the message a user understands and the code that
// decides the status. Reasons are numbers of the kernel (assembly/refusal-kind.ts); here they get
// words.

import type { ErrorCode } from '../error.ts'
import { FIELD_TYPE_NAMES } from '../field.ts'
import type { Kernel } from '../kernel.ts'

/** What the text was: it decides the code of malformed text and how a place is named. */
export type TextForm = 'lines' | 'csv' | 'points'

/** A reason of the kernel, with the name or value that it is about. */
export interface Refusal {
  kind: number
  token: string
  /** Field types, or numbers of cells. */
  has: number
  sent: number
}

type RefusalName = Extract<keyof Kernel, `REFUSED_${string}`>

/** What NUL separates in the token of a cell: the column's name and the cell. */
function cell(token: string): { name: string; value: string } {
  const at = token.indexOf('\0')
  return { name: token.slice(0, at), value: token.slice(at + 1) }
}

function typeName(type: number): string {
  return FIELD_TYPE_NAMES[type] ?? 'unknown'
}

const MESSAGES: Record<RefusalName, (r: Refusal) => string> = {
  REFUSED_UTF8: () => 'invalid UTF-8 or a NUL byte',
  REFUSED_CONTROL: () => 'a name must not contain control characters',
  REFUSED_EMPTY_NAME: () => 'a name must not be empty',
  REFUSED_NO_TABLE: () => 'missing table name',
  REFUSED_NO_TAG_KEY: () => 'missing tag key',
  REFUSED_NO_TAG_VALUE: (r) => `missing '=' after tag key '${r.token}'`,
  REFUSED_TAG_TWICE: (r) => `tag '${r.token}' is there twice`,
  REFUSED_EQUALS_IN_TAG: (r) => `unescaped '=' in the value of tag '${r.token}'`,
  REFUSED_NO_FIELDS: () => 'missing field set',
  REFUSED_NO_FIELD_KEY: () => 'missing field key',
  REFUSED_NO_FIELD_VALUE: (r) => `missing value of field '${r.token}'`,
  REFUSED_VALUE: (r) => `'${r.token}' is not a value`,
  REFUSED_NOT_FINITE: (r) =>
    `'${r.token.replace('\0', "': '")}' cannot be stored, it is not a finite number`,
  REFUSED_INTEGER_RANGE: (r) => `integer '${r.token}' is out of range`,
  REFUSED_UNSIGNED_RANGE: (r) => `unsigned '${r.token}' is out of range`,
  REFUSED_FLOAT_RANGE: (r) => `float '${r.token.replace('\0', "': '")}' is out of range`,
  REFUSED_OPEN_STRING: () => 'string without closing quote',
  REFUSED_AFTER_STRING: () => "expected ',' or ' ' after a string",
  REFUSED_TIME: (r) => `'${r.token}' is not a timestamp`,
  REFUSED_TIME_RANGE: (r) => `timestamp ${r.token === '' ? '' : `'${r.token}' `}is out of range`,
  REFUSED_NAME_TAKEN: () => "'time' is the time of a point, no tag or field can have that name",
  REFUSED_CELL_COUNT: (r) => `the row has ${r.sent} cells, the header ${r.has}`,
  REFUSED_QUOTE: () => "expected ',' or the end of the row after a closing quote",
  REFUSED_OPEN_QUOTE: () => 'cell without closing quote',
  REFUSED_UNSAFE: (r) =>
    `a number of '${r.token}' is not exact in JSON: send it as text with types`,
  REFUSED_TYPE: (r) => `column '${r.token}' is ${typeName(r.has)}, sent ${typeName(r.sent)}`,
  REFUSED_TAG_IS_FIELD: (r) => `column '${r.token}' is a field, sent as a tag`,
  REFUSED_FIELD_IS_TAG: (r) => `column '${r.token}' is a tag, sent as a field`,
  REFUSED_INEXACT: (r) => `column '${r.token}' is float, sent an integer that no float equals`,
  REFUSED_FRACTION: (r) =>
    `column '${r.token}' is ${typeName(r.has)}, sent a float with a fraction`,
  REFUSED_NEGATIVE: (r) => `column '${r.token}' is unsigned, sent a negative number`,
  REFUSED_CELL_TYPE: (r) =>
    `column '${cell(r.token).name}' is ${typeName(r.has)}, sent '${cell(r.token).value}'`,
  REFUSED_CELL_RANGE: (r) => {
    const { name, value } = cell(r.token)
    return `column '${name}' is ${typeName(r.has)}, '${value}' is out of its range`
  },
  REFUSED_NAME_LENGTH: () => 'a name is longer than 1,024 bytes',
  REFUSED_TAG_LENGTH: (r) => `the value of tag '${r.token}' is longer than 65,536 bytes`,
  REFUSED_KEY_LENGTH: () => 'the tags of the series are longer than 65,536 bytes',
  REFUSED_STRING_LENGTH: () => 'a string is longer than 1,048,576 bytes',
  REFUSED_TAG_COUNT: () => 'more than 256 tags',
  REFUSED_FIELD_COUNT: () => 'more than 4,096 fields',
  REFUSED_HISTOGRAM: () => 'native histograms are not stored: send classic ones',
  REFUSED_BUCKETS: () => 'more than 4,096 buckets, bounds or quantiles in one point',
  REFUSED_BUCKET_COUNT: () => 'the counts of buckets do not fit their bounds',
  REFUSED_NO_VALUE: () => 'a point without a value',
  REFUSED_EXPIRED: (r) =>
    `timestamp ${r.token === '' ? '' : `'${r.token}' `}is older than the retention of its table`,
}

const LIMITS = new Set<RefusalName>([
  'REFUSED_NAME_LENGTH',
  'REFUSED_TAG_LENGTH',
  'REFUSED_KEY_LENGTH',
  'REFUSED_STRING_LENGTH',
  'REFUSED_TAG_COUNT',
  'REFUSED_FIELD_COUNT',
  'REFUSED_BUCKETS',
])

/** The words and the code of a reason. */
export function wordRefusal(
  kernel: Kernel,
  refusal: Refusal,
  form: TextForm,
): { message: string; code: ErrorCode } {
  const names = Object.keys(MESSAGES) as RefusalName[]
  const name = names.find((candidate) => kernel[candidate].value === refusal.kind)
  if (name === undefined) throw new Error(`no words for refusal ${refusal.kind}`)
  return { message: MESSAGES[name](refusal), code: codeOf(kernel, name, form) }
}

function codeOf(kernel: Kernel, name: RefusalName, form: TextForm): ErrorCode {
  if (name === 'REFUSED_UNSAFE') return 'unsafe_integer'
  if (kernel[name].value < kernel.FIRST_UNPROCESSABLE.value) {
    return form === 'lines' ? 'line_protocol' : 'bad_request'
  }
  if (LIMITS.has(name)) return 'limit_exceeded'
  if (name === 'REFUSED_HISTOGRAM') return 'unsupported'
  if (name === 'REFUSED_EXPIRED') return 'expired'
  return name === 'REFUSED_CELL_RANGE' ? 'out_of_range' : 'type_conflict'
}
