// The queries of a statement, planned: its own, and those that commands read from.

import type { BoundStatement, Command, Node } from '../tree.ts'
import { planNode } from './plan.ts'
import { pruneNode } from './prune.ts'

export function planStatement(statement: BoundStatement): BoundStatement {
  const { body } = statement
  if ('query' in body) return { ...statement, body: { query: planQuery(body.query) } }
  return { ...statement, body: { command: planCommand(body.command) } }
}

function planCommand(command: Command): Command {
  switch (command.kind) {
    case 'insert':
    case 'copyTo':
      return { ...command, source: planQuery(command.source) }
    case 'declare':
      return { ...command, query: planQuery(command.query) }
    case 'explain':
      return { ...command, statement: planStatement(command.statement) }
    default:
      return command
  }
}

const planQuery = (query: Node): Node => pruneNode(planNode(query))
