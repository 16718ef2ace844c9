// Commands of tables, points and databases, held by the run of their statement.

import { type EngineCommand, isEngineCommand, runCommand } from '../commands/commands.ts'
import { execute } from '../execute/execute.ts'
import { lower } from '../lower/lower.ts'
import type { CopyChunk, Running } from '../session.ts'
import type { Work } from './commands.ts'
import type { EngineSession } from './sql-session.ts'
import type { StatementRun } from './statement-run.ts'

export { isEngineCommand }

/** Throws SqlError, and OmenError for what fails below. */
export async function runEngineCommand(
  { engine }: EngineSession,
  command: EngineCommand,
  { statement, parameters, begin }: Work,
): Promise<Running> {
  const run = await begin()
  try {
    const running = await runCommand(command, {
      engine,
      database: run.surroundings.database,
      run,
      parameters,
      columns: statement.columns,
      query: (node) => execute(lower(node, run, parameters), run, parameters),
    })
    return held(running, run)
  } catch (error) {
    run.end()
    throw run.explain(error)
  }
}

/** The same, which ends the run when it ends. */
function held(running: Running, run: StatementRun): Running {
  if (running.kind === 'rows') return { ...running, batches: run.guard(running.batches) }
  if (running.kind === 'copyIn') {
    return { ...running, copy: (chunks) => run.complete(() => running.copy(chunks)) }
  }
  if (running.kind === 'copyOut') return { ...running, chunks: guarded(running.chunks, run) }
  run.end()
  return running
}

async function* guarded(
  chunks: AsyncIterable<CopyChunk>,
  run: StatementRun,
): AsyncGenerator<CopyChunk> {
  try {
    for await (const chunk of chunks) {
      run.check()
      yield chunk
    }
  } catch (error) {
    throw run.explain(error)
  } finally {
    run.end()
  }
}
