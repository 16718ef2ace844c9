// EXPLAIN and its options.
// Source: PostgreSQL 15, src/backend/commands/explain.c, ExplainQuery.

import type { ExplainStmt, Node as Tree } from 'libpg-query'
import { type DataType, typeOf } from '../type.ts'
import type { Context } from './context.ts'
import { type Option, isOn, readOptions } from './option.ts'
import type { Unfinished } from './unfinished.ts'

/** Those that change nothing here: there is one level of detail. */
const DETAILS = new Set(['verbose', 'costs', 'settings', 'buffers', 'wal', 'timing', 'summary'])

export function bindExplain(
  context: Context,
  { query, options = [] }: ExplainStmt,
  bind: (tree: Tree) => Unfinished,
): Unfinished {
  let analyze = false
  let format: 'text' | 'json' = 'text'
  for (const option of readOptions(context, options)) {
    if (option.name === 'analyze') analyze = isOn(context, option)
    else if (option.name === 'format') format = readFormat(context, option)
    else if (DETAILS.has(option.name)) isOn(context, option)
    else {
      const message = `unrecognized EXPLAIN option "${option.name}"`
      context.fail('42601', message, option.location)
    }
  }
  const inner = context.deeper(() => bind(query!))
  // Its parameters are the whole statement's: `bind` puts them in once all are known.
  const statement = { ...inner, parameters: [] }
  const type: DataType = typeOf(format === 'json' ? 'json' : 'text')
  return {
    body: { command: { kind: 'explain', statement, analyze, format } },
    columns: [{ name: 'QUERY PLAN', type }],
    tag: 'EXPLAIN',
  }
}

function readFormat(context: Context, { text, location }: Option): 'text' | 'json' {
  const format = text?.toLowerCase()
  if (format === 'text' || format === 'json') return format
  if (format === 'xml' || format === 'yaml') {
    return context.refuse(`EXPLAIN as ${format}`, location, 'Formats are text and json.')
  }
  const message = `unrecognized value for EXPLAIN option "format": "${text}"`
  return context.fail('22023', message, location)
}
