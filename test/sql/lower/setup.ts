// Statements over a database in memory, as the engine answers them and as the executor does by itself.

import type { Database } from '../../../engine/database.ts'
import { bind } from '../../../sql/bind/bind.ts'
import { execute } from '../../../sql/execute/execute.ts'
import { valueAt } from '../../../sql/execute/vector.ts'
import type { Surroundings } from '../../../sql/function.ts'
import { lower } from '../../../sql/lower/lower.ts'
import type { RunContext } from '../../../sql/relation.ts'
import { FUNCTIONS } from '../../../sql/session/functions.ts'
import { openSchema } from '../../../sql/tables/table-schema.ts'
import type { Node } from '../../../sql/tree.ts'
import { printValue } from '../../../sql/value-text.ts'
import '../grammar-module.ts'

export const surroundings: Surroundings = {
  now: 1_700_000_000_000_000_000n,
  timeZone: 'UTC',
  database: 'default',
  user: 'tester',
  setting: () => null,
}

export interface Bindings {
  readonly query: Node
  readonly run: RunContext
}

export async function bindQuery(db: Database, text: string, timeZone = 'UTC'): Promise<Bindings> {
  const schema = await openSchema(db, 'default', ['points'])
  const own = { ...surroundings, timeZone }
  const { body } = await bind(text, [], schema, FUNCTIONS, own)
  if ('command' in body) throw new Error(`a command: ${text}`)
  const run: RunContext = {
    surroundings: own,
    check() {},
    async pause() {},
    hold() {},
  }
  return { query: body.query, run }
}

/** Rows as texts; floats with as many digits as sums in another order share. */
export async function rowsOf(query: Node, run: RunContext): Promise<string[]> {
  const lines: string[] = []
  for await (const batch of execute(query, run, [])) {
    for (let row = 0; row < batch.rowCount; row++) {
      const cells = query.columns.map(({ type }, index) => {
        const value = valueAt(batch.columns[index]!, type, row)
        if (value === null) return 'NULL'
        if (type.name === 'float8') return shortFloat(value as number)
        return printValue(type, value, run.surroundings)
      })
      lines.push(cells.join('|'))
    }
  }
  return lines
}

export function shortFloat(value: number): string {
  return Math.abs(value) < 1e-9 ? '0' : value.toPrecision(9)
}

/** Names of the relations that a tree scans, `answer of` those that are one question to the engine. */
export function scansOf(node: Node): string[] {
  if (node.kind === 'scan') return [`${node.relation.constructor.name} ${node.relation.name}`]
  if ('input' in node) return scansOf(node.input)
  if ('left' in node) return [...scansOf(node.left), ...scansOf(node.right)]
  return []
}

export async function bothAnswers(db: Database, text: string, timeZone = 'UTC') {
  const { query, run } = await bindQuery(db, text, timeZone)
  const lowered = lower(query, run, [])
  const [plain, asked] = [await rowsOf(query, run), await rowsOf(lowered, run)]
  return { plain, asked, scans: scansOf(lowered) }
}
