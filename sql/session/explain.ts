// EXPLAIN [ANALYZE]: shows the plan; with ANALYZE the statement runs, and its rows are thrown away.

import { execute } from '../execute/execute.ts'
import { vectorOf } from '../execute/vector.ts'
import { type Heard, type PlanNode, explainTree } from '../lower/explain.ts'
import { type PlanFigures, planJson, planLines } from '../lower/explain-text.ts'
import { lower } from '../lower/lower.ts'
import type { Running } from '../session.ts'
import type { BoundStatement, Command, Node } from '../tree.ts'
import type { Work } from './commands.ts'
import type { CommandOf, EngineSession } from './sql-session.ts'
import type { StatementRun } from './statement-run.ts'

/** What runs a command, as if it stood alone. */
type RunCommand = (session: EngineSession, command: Command, work: Work) => Promise<Running>

interface Explained {
  readonly plan: PlanNode
  readonly figures: PlanFigures
}

/** Throws SqlError: what running the statement throws, if it runs. */
export async function runExplain(
  session: EngineSession,
  { statement, analyze, format }: CommandOf<'explain'>,
  work: Work,
  runCommand: RunCommand,
): Promise<Running> {
  const { body } = statement
  const runs = analyze
    ? (command: Command) => runCommand(session, command, { ...work, statement })
    : null
  const run = await work.begin()
  const { plan, figures } = await run.complete(() =>
    'command' in body
      ? explainCommand({ statement, command: body.command, runs }, work, run)
      : explainQuery(body.query, analyze, work, run),
  )
  const lines = format === 'json' ? [planJson(plan, figures)] : planLines(plan, figures)
  const columns = work.statement.columns!
  const vector = vectorOf(columns[0]!.type, lines.length, (row) => lines[row])
  return { kind: 'rows', columns, batches: once(lines.length, vector), tag: () => 'EXPLAIN' }
}

async function* once(rowCount: number, vector: ReturnType<typeof vectorOf>) {
  yield { rowCount, columns: [vector] }
}

async function explainQuery(
  query: Node,
  analyze: boolean,
  { parameters }: Work,
  run: StatementRun,
): Promise<Explained> {
  const heard: Heard = new Map()
  const tree = lower(query, run, parameters)
  let figures: PlanFigures = []
  if (analyze) {
    run.watch = (relation, stats) => {
      heard.set(relation, [...(heard.get(relation) ?? []), stats])
    }
    const since = performance.now()
    let rows = 0
    for await (const { rowCount } of execute(tree, run, parameters)) rows += rowCount
    figures = figuresOf(rows, since)
  }
  return { plan: await explainTree(tree, run, parameters, heard), figures }
}

function figuresOf(rows: number, since: number): PlanFigures {
  return [
    ['Rows', rows],
    ['Execution Time', `${(performance.now() - since).toFixed(3)} ms`],
  ]
}

interface ExplainedCommand {
  readonly statement: BoundStatement
  readonly command: Command
  /** Null: it is not to run. */
  readonly runs: ((command: Command) => Promise<Running>) | null
}

/** A command is shown with the query that gives it rows. */
async function explainCommand(
  { statement, command, runs }: ExplainedCommand,
  work: Work,
  run: StatementRun,
): Promise<Explained> {
  const { parameters } = work
  const source = 'source' in command ? lower(command.source, run, parameters) : null
  const plans = source === null ? [] : [await explainTree(source, run, parameters, new Map())]
  const name = 'relation' in command ? ` on ${command.relation.name}` : ''
  const plan: PlanNode = { title: `${statement.tag}${name}`, details: [], plans }
  if (runs === null) return { plan, figures: [] }
  const since = performance.now()
  const running = await runs(command)
  let rows = 0
  if (running.kind === 'rows') for await (const { rowCount } of running.batches) rows += rowCount
  return { plan, figures: figuresOf(rows, since) }
}
