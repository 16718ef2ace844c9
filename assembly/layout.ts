// Codes and sizes that host and kernel share, declared once: exported, so the host reads them
// from the module. Layouts of the structures are drawn in docs/internals.md and docs/format.md.

export const FLOAT: i32 = 0
export const INTEGER: i32 = 1
export const UNSIGNED: i32 = 2
export const BOOLEAN: i32 = 3
export const STRING: i32 = 4
/** Type code of a column that is a tag key: in key tables only, never of a field. */
export const TAG: i32 = 5

export const FULL: i32 = -1
export const CORRUPT: i32 = -2
export const CONFLICT: i32 = -3
export const LIMIT: i32 = -4
export const OVERFLOW: i32 = -5
export const NOT_FOUND: i32 = -6

export const BLOCK_ROWS: i32 = 1024
export const ENTRY_SIZE: i32 = 96
export const ROW_HEADER: i32 = 24
export const KEY_TABLE_SIZE: i32 = 64
export const KEY_ENTRY_SIZE: i32 = 32
