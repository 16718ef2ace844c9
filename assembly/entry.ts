// BlockEntry: what the directory says about one column block, 96 bytes in the cache. The layout is
// drawn in docs/internals.md ("Segments"); on disk it is varint-coded (directory.ts).
// These are offsets from the entry's address, for load and store.

export const ENTRY_OFFSET: usize = 0
export const ENTRY_BYTES: usize = 4
export const ENTRY_CHECKSUM: usize = 8
export const ENTRY_ROWS: usize = 12
export const ENTRY_COUNT: usize = 14
export const ENTRY_ENCODING: usize = 16
export const ENTRY_FLAGS: usize = 17
export const ENTRY_WIDTH: usize = 18
export const ENTRY_EXPONENT: usize = 19
export const ENTRY_PIECES: usize = 20
export const ENTRY_EXCEPTIONS: usize = 22
export const ENTRY_BASE: usize = 24
export const ENTRY_SLOPE: usize = 32
export const ENTRY_MIN: usize = 40
export const ENTRY_MAX: usize = 48
export const ENTRY_SUM: usize = 56
export const ENTRY_SUM_HIGH: usize = 64
export const ENTRY_FIRST: usize = 72
export const ENTRY_LAST: usize = 80
export const ENTRY_EPSILON: usize = 88
export const ENTRY_SHIFT: usize = 90
export const ENTRY_OFFSET_BYTES: usize = 91
export const ENTRY_END_BYTES: usize = 92
export const ENTRY_UNARY_SIZE: usize = 94

/** Pseudo field type of the time column, beside those of layout.ts. */
export const TIME: i32 = 5

export const HAS_NULLS: u32 = 1
export const ALL_NULL: u32 = 2
export const HAS_NAN: u32 = 4
export const HAS_SUMMARY: u32 = 8
/** Residuals are sums of signed steps. */
export const IS_SUM: u32 = 16
export const IS_WIDE: u32 = 32
/** Residuals are sums that never fall. */
export const IS_RISING: u32 = 64
/** At most one of these two is set. */
export const SUM_KINDS: u32 = 80
/** Rows without a value have no slot in the line. */
export const IS_DENSE: u32 = 128

export const ENCODING_NONE: u32 = 0
export const ENCODING_LINE: u32 = 1
export const ENCODING_DECIMAL: u32 = 2
export const ENCODING_FLOAT: u32 = 3
export const ENCODING_DICTIONARY: u32 = 4
export const ENCODING_PLAIN: u32 = 5
