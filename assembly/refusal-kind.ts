// Reasons for refusing a line, row or cell, shared with the host, which words them
// (engine/ingest/refusal.ts). Below FIRST_UNPROCESSABLE the text is malformed (400); from it on the text
// is well-formed, but not what the table takes or beyond a limit (422).

export const REFUSED_UTF8: i32 = 1
export const REFUSED_CONTROL: i32 = 2
export const REFUSED_NO_TABLE: i32 = 3
export const REFUSED_NO_TAG_KEY: i32 = 4
export const REFUSED_NO_TAG_VALUE: i32 = 5
export const REFUSED_TAG_TWICE: i32 = 6
export const REFUSED_NO_FIELDS: i32 = 7
export const REFUSED_NO_FIELD_KEY: i32 = 8
export const REFUSED_NO_FIELD_VALUE: i32 = 9
export const REFUSED_VALUE: i32 = 10
export const REFUSED_NOT_FINITE: i32 = 11
export const REFUSED_INTEGER_RANGE: i32 = 12
export const REFUSED_UNSIGNED_RANGE: i32 = 13
export const REFUSED_FLOAT_RANGE: i32 = 14
export const REFUSED_OPEN_STRING: i32 = 15
export const REFUSED_AFTER_STRING: i32 = 16
export const REFUSED_TIME: i32 = 17
export const REFUSED_TIME_RANGE: i32 = 18
export const REFUSED_NAME_TAKEN: i32 = 19
export const REFUSED_EQUALS_IN_TAG: i32 = 20
export const REFUSED_CELL_COUNT: i32 = 21
export const REFUSED_QUOTE: i32 = 22
export const REFUSED_OPEN_QUOTE: i32 = 23
export const REFUSED_UNSAFE: i32 = 24
export const REFUSED_EMPTY_NAME: i32 = 25
export const REFUSED_BUCKET_COUNT: i32 = 26
export const REFUSED_NO_VALUE: i32 = 27

export const FIRST_UNPROCESSABLE: i32 = 32
export const REFUSED_TYPE: i32 = 32
export const REFUSED_TAG_IS_FIELD: i32 = 33
export const REFUSED_FIELD_IS_TAG: i32 = 34
export const REFUSED_INEXACT: i32 = 35
export const REFUSED_FRACTION: i32 = 36
export const REFUSED_NEGATIVE: i32 = 37
export const REFUSED_CELL_TYPE: i32 = 38
export const REFUSED_CELL_RANGE: i32 = 39
export const REFUSED_NAME_LENGTH: i32 = 48
export const REFUSED_TAG_LENGTH: i32 = 49
export const REFUSED_KEY_LENGTH: i32 = 50
export const REFUSED_STRING_LENGTH: i32 = 51
export const REFUSED_TAG_COUNT: i32 = 52
export const REFUSED_FIELD_COUNT: i32 = 53
export const REFUSED_EXPIRED: i32 = 54
export const REFUSED_HISTOGRAM: i32 = 55
export const REFUSED_BUCKETS: i32 = 56
