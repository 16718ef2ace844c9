// The queries of a statement, planned: its own, and those that commands read from.

import type { BoundStatement, Command } from '../tree.ts'
import { planNode } from './plan.ts'

export function planStatement(statement: BoundStatement): BoundStatement {
  const { body } = statement
  if ('query' in body) return { ...statement, body: { query: planNode(body.query) } }
  return { ...statement, body: { command: planCommand(body.command) } }
}

function planCommand(command: Command): Command {
  switch (command.kind) {
    case 'insert':
    case 'copyTo':
      return { ...command, source: planNode(command.source) }
    case 'declare':
      return { ...command, query: planNode(command.query) }
    case 'explain':
      return { ...command, statement: planStatement(command.statement) }
    default:
      return command
  }
}
