// What goes wrong with a statement: PostgreSQL's SQLSTATE, where in the text, and what to do about it.
// The wire sends it as it is; HTTP maps it by docs/sql.md.

export interface SqlErrorDetails {
  /** 1-based, in characters of the statement's text. */
  readonly position?: number | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  /** What was being done: `COPY cpu, line 3, column usage: "x"`. */
  readonly where?: string | undefined
  readonly cause?: unknown
}

export class SqlError extends Error {
  override readonly name = 'SqlError'
  /** Five characters, as in PostgreSQL's appendix A. */
  readonly sqlstate: string
  readonly position: number | undefined
  readonly detail: string | undefined
  readonly hint: string | undefined
  readonly where: string | undefined

  constructor(sqlstate: string, message: string, details: SqlErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.sqlstate = sqlstate
    this.position = details.position
    this.detail = details.detail
    this.hint = details.hint
    this.where = details.where
  }
}
