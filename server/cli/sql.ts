// `omendb sql`: one statement, a script from stdin, or a shell at a terminal.

import { homedir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import type { Client } from '../../client/index.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS } from './connection.ts'
import { oneOf } from './flags.ts'
import { printRows, SQL_FORMATS, type SqlFormat } from './sql-rows.ts'
import { runShell } from './sql-shell.ts'
import { isBlank, splitStatements } from './statements.ts'
import { CommandError, type Terminal } from './terminal.ts'

const HISTORY_FILE = '.omendb_history'

export const sqlCommand = defineCommand({
  name: 'sql',
  operands: '[STATEMENT [VALUE…]]',
  operandCount: [0, 1 + 65_535],
  summary: 'run SQL: a statement, a script from stdin, or a shell at a terminal',
  example: "omendb sql 'SELECT host, avg(usage) FROM cpu GROUP BY host'",
  notes: [
    'VALUEs are $1 and on. In the shell \\? lists its commands. The history is in ~/.omendb_history',
    '(OMENDB_HISTORY names another file; empty: none).',
  ],
  flags: {
    format: {
      value: 'FORMAT',
      help: 'table (at a terminal), ndjson (in a pipe), expanded, csv, json',
    },
    ...CONNECTION_FLAGS,
  },
  async run({ flags, positionals: [statement, ...values] }, terminal) {
    const { stdin } = terminal as { stdin: { isTTY?: boolean } }
    const isShell =
      statement === undefined && stdin.isTTY === true && terminal.stdout.isTTY === true
    const isShown = flags.format === undefined && terminal.stdout.isTTY === true
    const format = isShown ? 'table' : oneOf(flags.format ?? 'ndjson', '--format', SQL_FORMATS)
    const connection = await connect(flags, terminal, 'write')
    const { client } = connection
    try {
      if (isShell) {
        await runShell(client, terminal, {
          format,
          database: flags.db ?? 'default',
          historyFile: terminal.env['OMENDB_HISTORY'] ?? join(homedir(), HISTORY_FILE),
        })
      } else if (statement !== undefined) {
        await printRows(await run(client, statement, values), format, terminal)
      } else await runScript(client, await textOf(terminal.stdin), format, terminal)
    } finally {
      await connection.close()
    }
  },
})

/** Times are text, as a person reads them. */
const run = (client: Client, statement: string, values: readonly string[] = []) =>
  client.sql(statement, values, { time: 'rfc3339' })

/** One statement after the other; the first that fails ends it. */
async function runScript(
  client: Client,
  script: string,
  format: SqlFormat,
  terminal: Terminal,
): Promise<void> {
  const { statements, rest } = splitStatements(script)
  const all = isBlank(rest) ? statements : [...statements, rest]
  for (const [index, statement] of all.entries()) {
    const rows = await run(client, statement).catch((cause: Error) => {
      const place = all.length > 1 ? `statement ${index + 1}: ` : ''
      throw new CommandError(`${place}${cause.message}`, { cause })
    })
    await printRows(rows, format, terminal)
  }
}
