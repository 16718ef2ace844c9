// What the catalogs show: databases, tables, roles, settings, functions as they are when a statement
// begins. The session makes one per statement; catalog relations and functions only read it.

import type { AggregateFunction, CastFunction, ScalarFunction, TableFunction } from '../function.ts'
import type { Relation } from '../relation.ts'

export interface CatalogTable {
  /** Its columns in declared order; its oid is `tableOid` of the name (oid.ts). */
  readonly relation: Relation
  readonly points: number
  /** Storage parameters, as WITH has them: `retention=30 d`. */
  readonly options: readonly string[]
  /** On disk. */
  readonly byteSize: number
}

export interface CatalogRole {
  readonly name: string
  readonly isSuperuser: boolean
  readonly canWrite: boolean
}

/** One row of `pg_settings`. */
export interface CatalogSetting {
  readonly name: string
  readonly value: string
  readonly initial: string
  readonly unit: string | null
  readonly category: string
  readonly description: string
  readonly type: 'bool' | 'enum' | 'integer' | 'real' | 'string'
  readonly context: 'internal' | 'postmaster' | 'superuser' | 'user'
}

/** All functions, for `pg_proc`, and what is beside it. */
export interface FunctionLists {
  readonly scalars: readonly ScalarFunction[]
  readonly aggregates: readonly AggregateFunction[]
  readonly tables: readonly TableFunction[]
  /** For `pg_operator`. */
  readonly operators?: readonly ScalarFunction[]
  /** For `pg_cast`. */
  readonly casts?: readonly CastFunction[]
}

export interface CatalogSnapshot {
  /** The database of the session. */
  readonly database: string
  /** Of the session, as the wire gave it to the client for cancelling. */
  readonly processId: number
  /** Role of the session. */
  readonly user: string
  /** Of the session, nanoseconds since 1970. */
  readonly startedAt: bigint
  /** Names of all databases. */
  readonly databases: readonly string[]
  /** Of `database`, by name. */
  readonly tables: readonly CatalogTable[]
  /** The session's own role among them. */
  readonly roles: readonly CatalogRole[]
  readonly settings: readonly CatalogSetting[]
  readonly functions: FunctionLists
}
