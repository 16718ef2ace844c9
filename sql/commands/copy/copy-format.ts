// What reads the data of a COPY in one of its formats: chunks in any split go in, rows are built.

export interface CopyReader {
  /**
   * Reads on; yields whenever the rows are full, to go on once they are cleared. The chunk is read
   * when it has come to its end. Throws SqlError.
   */
  push(chunk: Uint8Array): Generator<undefined, void>
  /** All chunks have come. */
  end(): Generator<undefined, void>
}

/** Bytes of one line, or one row in binary; the engine takes no strings that are longer. */
export const LINE_BYTES_MAX = 16 << 20

/** Arrays of so many bytes and more do not change once they are given on. */
export const CHUNK_BYTES_MIN = 4_096
