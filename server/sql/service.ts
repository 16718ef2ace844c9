// SQL for requests: a session each, one statement (or Neon's batch) in it, and its answer as text that
// is made while the client reads. Loaded with the first request for SQL, and the grammar with it.

import { OmenError } from '../../engine/error.ts'
import type { CancelSignal } from '../../engine/query/cancel.ts'
import type {
  OpenSession,
  PreparedStatement,
  Running,
  SqlSession,
  StatementAccess,
} from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { TextContext } from '../../sql/value-text.ts'
import type { TimeFormat } from '../encode/time.ts'
import { encodeAnswer, encodeNeonResult, encodeSeedAnswer } from './answer.ts'
import { requestError } from './failure.ts'
import { readParameters } from './parameter.ts'

/** Characters of the answers of a batch, which are held until its last statement has run. */
export const BATCH_LENGTH_MAX = 32 * 1024 * 1024

/** Who asks, and where. */
export interface SqlAsker {
  readonly database: string
  readonly user: string
  readonly access: ReadonlySet<StatementAccess>
  readonly signal: CancelSignal
}

export interface SqlQuery {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

export interface SqlPresentation {
  readonly time: TimeFormat
  readonly integers: 'auto' | 'string'
}

export interface NeonPresentation {
  readonly isRawText: boolean
  readonly isArrayMode: boolean
}

export interface NeonBatch {
  readonly queries: readonly SqlQuery[]
  readonly isReadOnly: boolean
}

export class SqlService {
  readonly #open: OpenSession
  readonly #clock: () => number

  /** `clock`: milliseconds, for what an answer says it took. */
  constructor(open: OpenSession, clock: () => number = () => performance.now()) {
    this.#open = open
    this.#clock = clock
  }

  /** Texts of the answer of `/v1/sql`; throws OmenErrors. `onlyReads`: another statement is refused. */
  answer(
    asker: SqlAsker,
    query: SqlQuery,
    { time, integers }: SqlPresentation,
    onlyReads: boolean,
  ): AsyncGenerator<string> {
    const start = this.#clock()
    const format = { time, integers, text: textContext() }
    return this.#run(asker, query, onlyReads, (running) =>
      encodeAnswer(running, format, () => this.#clock() - start),
    )
  }

  /** Of the seed's `/query`. */
  seedAnswer(asker: SqlAsker, query: SqlQuery): AsyncGenerator<string> {
    const format = { time: 'ms', integers: 'auto', text: textContext() } as const
    return this.#run(asker, query, false, (running) => encodeSeedAnswer(running, format))
  }

  /** Of one statement in Neon's shape. */
  async *neonAnswer(
    asker: SqlAsker,
    query: SqlQuery,
    presentation: NeonPresentation,
  ): AsyncGenerator<string> {
    try {
      const session = await this.#open(asker)
      try {
        yield* neonResult(session, asker, query, presentation)
      } finally {
        await session.close()
      }
    } catch (error) {
      throw requestError(error)
    }
  }

  /** Of statements that run in one transaction; whole, as a later one may fail. */
  async neonBatch(
    asker: SqlAsker,
    batch: NeonBatch,
    presentation: NeonPresentation,
  ): Promise<string> {
    try {
      return await this.#runBatch(asker, batch, presentation)
    } catch (error) {
      throw requestError(error)
    }
  }

  async #runBatch(
    asker: SqlAsker,
    { queries, isReadOnly }: NeonBatch,
    presentation: NeonPresentation,
  ): Promise<string> {
    const session = await this.#open(asker)
    try {
      await command(session, isReadOnly ? 'BEGIN READ ONLY' : 'BEGIN')
      const results: string[] = []
      let length = 0
      for (const query of queries) {
        let text = ''
        for await (const piece of neonResult(session, asker, query, presentation)) {
          text += piece
          length += piece.length
          if (length > BATCH_LENGTH_MAX) {
            throw new SqlError(
              '54000',
              `answers of a batch are above ${BATCH_LENGTH_MAX} characters`,
            )
          }
        }
        results.push(text)
      }
      await command(session, 'COMMIT')
      return `{"results":[${results.join()}]}`
    } finally {
      await session.close()
    }
  }

  async *#run(
    asker: SqlAsker,
    query: SqlQuery,
    onlyReads: boolean,
    encode: (running: Running) => AsyncGenerator<string>,
  ): AsyncGenerator<string> {
    try {
      const session = await this.#open(asker)
      try {
        const statement = await prepareOne(session, query.sql)
        if (onlyReads && statement.access !== 'read') {
          throw new OmenError('method_not_allowed', 'GET only reads: send the statement by POST')
        }
        yield* encode(await runStatement(statement, query, asker))
      } finally {
        await session.close()
      }
    } catch (error) {
      throw requestError(error)
    }
  }
}

/** How values are read and printed over HTTP: in UTC. */
const textContext = (): TextContext => ({
  now: BigInt(Date.now()) * 1_000_000n,
  timeZone: 'UTC',
})

/** Throws 42601 unless the text is one statement, or none. */
async function prepareOne(session: SqlSession, text: string): Promise<PreparedStatement> {
  const statements = await session.split(text)
  if (statements.length > 1) {
    throw new SqlError(
      '42601',
      `one statement is taken at a time, these are ${statements.length}`,
      {
        position: statements[1]!.offset + 1,
      },
    )
  }
  return session.prepare(text)
}

async function runStatement(
  statement: PreparedStatement,
  { parameters }: SqlQuery,
  { signal }: SqlAsker,
): Promise<Running> {
  const values = readParameters(parameters, statement.parameters, textContext())
  return statement.run(values, { signal })
}

async function* neonResult(
  session: SqlSession,
  asker: SqlAsker,
  query: SqlQuery,
  presentation: NeonPresentation,
): AsyncGenerator<string> {
  const statement = await prepareOne(session, query.sql)
  const format = {
    ...presentation,
    time: 'rfc3339',
    integers: 'string',
    text: textContext(),
  } as const
  yield* encodeNeonResult(await runStatement(statement, query, asker), format)
}

async function command(session: SqlSession, text: string): Promise<void> {
  const statement = await session.prepare(text)
  await statement.run([])
}
