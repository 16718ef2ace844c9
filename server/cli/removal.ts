// `omendb delete` and `omendb drop`: points of a table by range and condition; tables, fields and
// databases as a whole. A delete that names no range and no condition is refused by the server.

import type { Client, DeleteRequest } from '../../client/index.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS } from './connection.ts'
import { counted, print, printable, UsageError } from './terminal.ts'

const { url, token, data, db } = CONNECTION_FLAGS

export const deleteCommand = defineCommand({
  name: 'delete',
  operands: 'TABLE',
  operandCount: [1, 1],
  summary: 'delete points of a table by time range and condition',
  example: `omendb delete cpu --start 2026-09-01 --end 2026-09-02 --where "host = 'a'" --dry-run`,
  notes: [
    'Without --start, --end and --where nothing is deleted: omendb drop table TABLE drops all of it.',
    'Prints how many points it deleted, or would delete. There is no way back but a backup.',
  ],
  flags: {
    start: { value: 'TIME', help: 'first time: -1h, 2026-09-21, RFC 3339, epoch ms' },
    end: { value: 'TIME', help: 'end of the range, exclusive' },
    where: { value: 'SQL', help: "condition: host = 'a' AND usage > 0.2" },
    'dry-run': { help: 'only count the points' },
    ...{ url, token, db, data },
  },
  async run({ flags, positionals: [table = ''] }, terminal) {
    const { start, end, where } = flags
    if (start === undefined && end === undefined && where === undefined) {
      throw new UsageError('one of --start, --end and --where is needed')
    }
    const dryRun = flags['dry-run'] ?? false
    const request: DeleteRequest = {
      ...(start === undefined ? {} : { start }),
      ...(end === undefined ? {} : { end }),
      ...(where === undefined ? {} : { where }),
      dryRun,
    }
    // A directory that is not there has nothing to delete, and is not made.
    const { client, close } = await connect(flags, terminal, 'read')
    try {
      const { deleted } = await client.table(table).deleteRows(request)
      const done = dryRun ? 'would delete' : 'deleted'
      await print(terminal.stdout, `${done} ${counted(deleted, 'point')} of ${printable(table)}\n`)
    } finally {
      await close()
    }
  },
})

/** What can be dropped: how it is named, and how a client drops it. */
const KINDS: Readonly<
  Record<
    string,
    { operands: string; drop(client: Client, names: readonly string[]): Promise<void> }
  >
> = {
  table: { operands: 'TABLE', drop: (client, [name]) => client.table(name!).drop() },
  column: {
    operands: 'TABLE COLUMN',
    drop: (client, [name, column]) => client.table(name!).dropColumn(column!),
  },
  database: { operands: 'DATABASE', drop: (client, [name]) => client.dropDatabase(name!) },
}

export const dropCommand = defineCommand({
  name: 'drop',
  operands: 'table|column|database NAME…',
  operandCount: [2, 3],
  summary: 'drop a table, a field of a table, or a database',
  example: 'omendb drop column cpu usage_guest',
  notes: [
    'omendb drop table TABLE; omendb drop column TABLE COLUMN; omendb drop database DATABASE.',
    'It asks nothing, and there is no way back but a backup. Disk space of a table comes back at once.',
  ],
  flags: { url, token, db, data },
  async run({ flags, positionals: [what = '', ...names] }, terminal) {
    const kind = Object.hasOwn(KINDS, what) ? KINDS[what] : undefined
    if (kind === undefined) {
      throw new UsageError(`${what}: one of ${Object.keys(KINDS).join(', ')} is needed`)
    }
    const wanted = kind.operands.split(' ').length
    if (names.length !== wanted) throw new UsageError(`drop ${what} takes ${kind.operands}`)
    const { client, close } = await connect(flags, terminal, 'read')
    try {
      await kind.drop(client, names)
      await print(terminal.stdout, `dropped ${what} ${printable(names.join('.'))}\n`)
    } finally {
      await close()
    }
  },
})
