// What the wire, HTTP and the embedded API speak to: a session prepares statements and runs them.
// One object per connection (HTTP: per request); it holds settings, transaction state, cursors and
// prepared statements by name.

import type { Batches } from './batch.ts'
import type { Named } from './tree.ts'
import type { CopyOptions } from './tree.ts'
import type { DataType } from './type.ts'
import type { NameOf } from './value-text.ts'

/** `idle`, in a transaction, or in one that failed (25P02 until it ends). */
export type TransactionStatus = 'idle' | 'open' | 'failed'

/** What a statement asks for: to read; to change points; to change tables, databases, settings of them. */
export type StatementAccess = 'read' | 'write' | 'admin'

export interface SessionOptions {
  readonly database: string
  /** Name of the role: the token's, or what the client says it is. */
  readonly user: string
  /** Statements that ask for what is not among these throw 42501 when they are prepared. */
  readonly access: ReadonlySet<StatementAccess>
  /** Run-time parameters that the client sets from the start, by lower-case name. */
  readonly settings?: ReadonlyMap<string, string> | undefined
  /** What `pg_backend_pid()` says; 0 unless given. */
  readonly processId?: number | undefined
}

/** Opens a session over one database; throws 3D000 if there is none of this name. */
export type OpenSession = (options: SessionOptions) => Promise<SqlSession>

export interface PreparedStatement {
  readonly access: StatementAccess
  readonly parameters: readonly DataType[]
  /** Null: no rows. */
  readonly columns: readonly Named[] | null
  /** COMMIT, ROLLBACK and its like, which a failed transaction still takes. */
  readonly endsTransaction: boolean
  /** Values lie as in a vector of the parameter's type: bigint, number, boolean, string, object; null. */
  run(parameters: readonly unknown[], options?: RunOptions): Promise<Running>
}

export interface RunOptions {
  /** Ends the run with 57014; what is used of an AbortSignal. */
  readonly signal?:
    | Pick<AbortSignal, 'aborted' | 'addEventListener' | 'removeEventListener'>
    | undefined
}

export type Running =
  | {
      readonly kind: 'rows'
      readonly columns: readonly Named[]
      readonly batches: Batches
      /** What types like regclass print; absent: their oids. */
      readonly nameOf?: NameOf | undefined
      tag(rowCount: number): string
    }
  | { readonly kind: 'done'; readonly tag: string }
  | {
      readonly kind: 'copyIn'
      readonly options: CopyOptions
      readonly columns: readonly Named[]
      copy(chunks: AsyncIterable<Uint8Array>): Promise<string /* tag */>
    }
  | {
      readonly kind: 'copyOut'
      readonly options: CopyOptions
      readonly columns: readonly Named[]
      readonly chunks: AsyncIterable<CopyChunk>
      tag(): string
    }
  /** The text was empty, or a comment. */
  | { readonly kind: 'empty' }

/** Whole rows of a COPY, one after the other. */
export interface CopyChunk {
  readonly bytes: Uint8Array
  /** Where each row ends in them, in bytes; a header of text and the trailer of binary are rows too. */
  readonly ends: readonly number[]
}

export interface SqlSession {
  readonly status: TransactionStatus
  /** Prepared statements by name, those of PREPARE and those of the wire: one name is one statement. */
  readonly prepared: Map<string, PreparedStatement>
  /** Columns of an open cursor of DECLARE, which is a portal too; null = there is none. */
  cursorColumns(name: string): readonly Named[] | null
  /** Changed parameters that the client is to be told (ParameterStatus): name and value, once each. */
  takeReports(): readonly (readonly [string, string])[]
  /** The statements of a text, in order, with their offsets in it; throws SqlError 42601 with position. */
  split(text: string): Promise<readonly { readonly text: string; readonly offset: number }[]>
  /** One statement; `types` of its parameters by position, null = to be inferred. Throws SqlError. */
  prepare(text: string, types?: readonly (DataType | null)[]): Promise<PreparedStatement>
  /** Ends the transaction as failed, as an error of the wire does. */
  fail(): void
  close(): Promise<void>
}
