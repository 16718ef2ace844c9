// What flows between the operators of a statement: rows as columns, about BATCH_ROWS at a time.

/** Rows of a batch that operators aim at; any number from 1 is right. */
export const BATCH_ROWS = 4_096

/**
 * Values of one column; which of the arrays it is, its type's layout says (type.ts). The value behind
 * an invalid row is unspecified. A vector never changes once it is given on.
 */
export interface SqlVector {
  readonly values:
    | Float64Array
    | BigInt64Array
    | Uint8Array
    | readonly string[]
    | readonly unknown[]
  /** 1 = has a value; null = all have. */
  readonly valid: Uint8Array | null
}

export interface SqlBatch {
  readonly rowCount: number
  readonly columns: readonly SqlVector[]
}

/** Rows as they come; to stop early is to call `return` of the iterator, which frees what it holds. */
export type Batches = AsyncIterable<SqlBatch>
