// The shell of `omendb sql`: reads statements up to their `;` over any number of lines, runs them one after
// the other, and knows the few commands of psql that fingers have learnt.

import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface, type Interface } from 'node:readline'
import { OmenDBError, type Client } from '../../client/index.ts'
import { printRows, type SqlFormat } from './sql-rows.ts'
import { isBlank, splitStatements } from './statements.ts'
import { counted, print, printable, warn, type Terminal } from './terminal.ts'
import { textTable } from './text-table.ts'
import { VERSION } from '../version.ts'

const HISTORY_LINES = 1_000

export interface ShellOptions {
  readonly format: SqlFormat
  readonly database: string
  /** Empty: none is kept. */
  readonly historyFile: string
}

/** Runs until `\q`, the end of input, or the stream's. */
export async function runShell(
  client: Client,
  terminal: Terminal,
  options: ShellOptions,
): Promise<void> {
  await new Shell(client, terminal, options).run()
}

class Shell {
  private readonly client: Client
  private readonly terminal: Terminal
  private readonly historyFile: string
  private format: SqlFormat
  private database: string
  private isTimed = true
  /** What was typed of a statement that goes on. */
  private pending = ''
  private running: AbortController | null = null
  private names: readonly string[] = []

  constructor(client: Client, terminal: Terminal, options: ShellOptions) {
    this.client = client
    this.terminal = terminal
    this.format = options.format
    this.database = options.database
    this.historyFile = options.historyFile
  }

  async run(): Promise<void> {
    const { stdin, stdout } = this.terminal
    await print(stdout, `omendb ${VERSION}. \\? lists commands, \\q leaves.\n`)
    await this.learnNames()
    // Nothing may be waited for between this and the loop: lines that come meanwhile would be lost.
    const lines = createInterface({
      input: stdin,
      output: stdout,
      terminal: true,
      history: this.readHistory(),
      historySize: HISTORY_LINES,
      completer: (line: string) => this.complete(line),
    })
    lines.on('history', (history: string[]) => this.keepHistory(history))
    lines.on('SIGINT', () => this.interrupt(lines))
    this.prompt(lines)
    for await (const line of lines) {
      if (!(await this.take(line))) break
      this.prompt(lines)
    }
    lines.close()
  }

  /** Takes a line; false: it was the last. */
  private async take(line: string): Promise<boolean> {
    const command = /^\s*\\(\S+)\s*(.*?)\s*;?\s*$/.exec(line)
    if (command && isBlank(this.pending)) return this.command(command[1]!, command[2]!)
    const { statements, rest } = splitStatements(`${this.pending}${line}\n`)
    this.pending = isBlank(rest) ? '' : rest
    for (const statement of statements) {
      if (!(await this.guarded((signal) => this.runStatement(statement, signal)))) break
    }
    return true
  }

  private async runStatement(statement: string, signal: AbortSignal): Promise<void> {
    const began = performance.now()
    const rows = await this.client.sql(statement, [], {
      ...{ db: this.database, time: 'rfc3339', signal, retry: false },
    })
    await printRows(rows, this.format, this.terminal)
    if (rows.columns.length > 0) {
      await print(this.terminal.stdout, `(${rows.length} row${rows.length === 1 ? '' : 's'})\n`)
    }
    if (this.isTimed) {
      const whole = (performance.now() - began).toFixed(1)
      await print(
        this.terminal.stdout,
        `Time: ${rows.stats.elapsedMs.toFixed(1)} ms in the server, ${whole} ms in all\n`,
      )
    }
    if (/^(CREATE|DROP|ALTER|INSERT)/.test(rows.command)) await this.learnNames()
  }

  /** A command of the shell; false: it was the last. */
  private async command(name: string, operand: string): Promise<boolean> {
    if (name === 'q') return false
    const run = COMMANDS[name]
    if (run === undefined) warn(this.terminal, `no command \\${printable(name)}; \\? lists them`)
    else await this.guarded(() => run.of(this)(operand))
    return true
  }

  /** Runs something that Ctrl-C ends; an error is one line. */
  private async guarded(run: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    this.running = new AbortController()
    try {
      await run(this.running.signal)
      return true
    } catch (error) {
      warn(this.terminal, this.running.signal.aborted ? 'cancelled' : messageOf(error))
      return false
    } finally {
      this.running = null
    }
  }

  readonly showHelp = async (): Promise<void> => {
    const width = Math.max(...Object.values(COMMANDS).map(({ call }) => call.length))
    const lines = Object.values(COMMANDS).map(
      ({ call, help }) => `  ${call.padEnd(width)}  ${help}\n`,
    )
    await print(this.terminal.stdout, `${lines.join('')}  ${'\\q'.padEnd(width)}  leave\n`)
  }

  readonly showTables = async (): Promise<void> => {
    const tables = await this.client.tables({ db: this.database })
    await this.table(
      ['table'],
      tables.map(({ name }) => [name]),
    )
  }

  readonly showDatabases = async (): Promise<void> => {
    const names = await this.client.databases()
    await this.table(
      ['database'],
      names.map((name) => [name]),
    )
  }

  readonly describe = async (name: string): Promise<void> => {
    if (name === '') return this.showTables()
    const about = await this.client.table(name).describe({ db: this.database, time: 'rfc3339' })
    await this.table(
      ['column', 'type', 'kind'],
      [
        ['time', 'timestamp', 'time'],
        ...about.tags.map((tag) => [tag, 'string', 'tag']),
        ...Object.entries(about.fields).map(([field, type]) => [field, type, 'field']),
      ],
    )
    const kept = about.retention === null ? 'kept for good' : `kept for ${about.retention}`
    await print(this.terminal.stdout, `${counted(about.points, 'point')}, ${kept}\n`)
  }

  readonly connect = async (name: string): Promise<void> => {
    const known = await this.client.databases()
    if (!known.includes(name)) throw new Error(`there is no database ${name}`)
    this.database = name
    await this.learnNames()
  }

  readonly toggleTiming = async (): Promise<void> => {
    this.isTimed = !this.isTimed
    await print(this.terminal.stdout, `Timing is ${this.isTimed ? 'on' : 'off'}.\n`)
  }

  readonly toggleExpanded = async (): Promise<void> => {
    this.format = this.format === 'expanded' ? 'table' : 'expanded'
    await print(this.terminal.stdout, `Rows are printed as ${this.format}.\n`)
  }

  private async table(heads: readonly string[], rows: readonly string[][]): Promise<void> {
    const columns = heads.map((name) => ({ name, isNumber: false }))
    await print(this.terminal.stdout, `${[...textTable(columns, rows)].join('\n')}\n`)
  }

  private prompt(lines: Interface): void {
    lines.setPrompt(`${printable(this.database)}${this.pending === '' ? '=>' : '->'} `)
    lines.prompt()
  }

  /** Ctrl-C: ends what runs, else forgets what was typed. */
  private interrupt(lines: Interface): void {
    if (this.running !== null) return this.running.abort()
    this.pending = ''
    this.terminal.stdout.write('^C\n')
    lines.write(null, { ctrl: true, name: 'u' })
    this.prompt(lines)
  }

  /** Names of tables and columns, for the tab key; what cannot be had is not completed. */
  private async learnNames(): Promise<void> {
    try {
      const tables = await this.client.tables({ db: this.database })
      this.names = tables.map(({ name }) => name).sort()
    } catch {
      this.names = []
    }
  }

  private complete(line: string): [string[], string] {
    const word = /[\w$\\]*$/.exec(line)![0]
    const commands = Object.keys(COMMANDS).map((name) => `\\${name}`)
    const from = word.startsWith('\\') ? commands : [...this.names, ...KEYWORDS]
    const upper = word === word.toUpperCase()
    const hits = from
      .map((name) => (KEYWORDS.includes(name) && !upper ? name.toLowerCase() : name))
      .filter((name) => word !== '' && name.startsWith(word))
    return [hits.map((name) => `${name} `), word]
  }

  /** Newest first, as readline has it. */
  private readHistory(): string[] {
    if (this.historyFile === '') return []
    try {
      return readFileSync(this.historyFile, 'utf8').split('\n').filter(Boolean).reverse()
    } catch {
      return []
    }
  }

  private keepHistory(history: readonly string[]): void {
    if (this.historyFile === '') return
    try {
      writeFileSync(this.historyFile, `${[...history].reverse().join('\n')}\n`, { mode: 0o600 })
    } catch {
      // A home that cannot be written to has no history; statements run all the same.
    }
  }
}

interface ShellCommand {
  readonly call: string
  readonly help: string
  of(shell: Shell): (operand: string) => Promise<void>
}

const COMMANDS: Readonly<Record<string, ShellCommand>> = {
  '?': { call: '\\?', help: 'this list', of: (shell) => shell.showHelp },
  d: { call: '\\d [TABLE]', help: 'the tables, or columns of one', of: (shell) => shell.describe },
  dt: { call: '\\dt', help: 'the tables', of: (shell) => shell.showTables },
  l: { call: '\\l', help: 'the databases', of: (shell) => shell.showDatabases },
  c: { call: '\\c DATABASE', help: 'another database', of: (shell) => shell.connect },
  timing: { call: '\\timing', help: 'times on or off', of: (shell) => shell.toggleTiming },
  x: { call: '\\x', help: 'one column a line, or tables', of: (shell) => shell.toggleExpanded },
}

const KEYWORDS: readonly string[] = [
  ...['SELECT', 'FROM', 'WHERE', 'GROUP BY', 'ORDER BY', 'LIMIT', 'HAVING', 'DISTINCT ON'],
  ...['INSERT INTO', 'VALUES', 'DELETE FROM', 'CREATE TABLE', 'DROP TABLE', 'ALTER TABLE'],
  ...['EXPLAIN', 'ANALYZE', 'WITH', 'JOIN', 'LATERAL', 'time_bucket', 'interval'],
]

/** With the place in the statement, if the server said it. */
function messageOf(error: unknown): string {
  if (!(error instanceof OmenDBError)) return error instanceof Error ? error.message : String(error)
  const place = error.position === undefined ? '' : ` (at character ${error.position})`
  const code = error.sqlstate === undefined ? '' : ` [${error.sqlstate}]`
  return `error: ${error.detail}${place}${code}`
}
