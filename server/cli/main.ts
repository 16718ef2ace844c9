// The command line: finds the command, checks how it was called, runs it, and turns whatever it
// throws into one line on stderr and an exit code (0 done, 1 failed, 2 wrong usage).

import { VERSION } from '../version.ts'
import { backupCommand } from './backup.ts'
import { commandHelp, generalHelp, usageLine, type Command } from './command.ts'
import { parseFlags } from './flags.ts'
import { importCommand, writeCommand } from './import.ts'
import { queryCommand } from './query.ts'
import { deleteCommand, dropCommand } from './removal.ts'
import { restoreCommand } from './restore.ts'
import { serveCommand } from './serve.ts'
import { sqlCommand } from './sql.ts'
import { statsCommand } from './stats.ts'
import { tokenCommand } from './token.ts'
import { repairCommand, verifyCommand } from './verify.ts'
import { DONE, FAILED, print, UsageError, warn, WRONG_USAGE, type Terminal } from './terminal.ts'

const COMMANDS: readonly Command[] = [
  serveCommand,
  writeCommand,
  importCommand,
  queryCommand,
  sqlCommand,
  statsCommand,
  deleteCommand,
  dropCommand,
  tokenCommand,
  backupCommand,
  restoreCommand,
  verifyCommand,
  repairCommand,
]

/** Runs one command line (without node and script); resolves to the exit code. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) {
    terminal.stderr.write(generalHelp(COMMANDS, VERSION))
    return WRONG_USAGE
  }
  if (name === '--help' || name === '-h' || name === 'help') return runHelp(rest, terminal)
  if (name === '--version' || name === '-v') {
    await print(terminal.stdout, `omendb ${VERSION}\n`)
    return DONE
  }
  const command = COMMANDS.find((one) => one.name === name)
  if (command === undefined) {
    warn(
      terminal,
      `omendb: no command ${name}; there are ${COMMANDS.map((one) => one.name).join(', ')}`,
    )
    warn(terminal, 'usage: omendb COMMAND [OPTIONS]')
    return WRONG_USAGE
  }
  return runCommand(command, rest, terminal)
}

async function runHelp(args: readonly string[], terminal: Terminal): Promise<number> {
  const command = COMMANDS.find((one) => one.name === args[0])
  const text = command ? commandHelp(command) : generalHelp(COMMANDS, VERSION)
  await print(terminal.stdout, text)
  return DONE
}

async function runCommand(
  command: Command,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const options = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if (options.includes('--help') || options.includes('-h')) {
    return runHelp([command.name], terminal)
  }
  try {
    const parsed = parseFlags(args, command.flags)
    checkOperands(command, parsed.positionals)
    await command.run(parsed, terminal)
    return DONE
  } catch (error) {
    warn(terminal, `omendb ${command.name}: ${describeError(error)}`)
    if (!(error instanceof UsageError)) return FAILED
    warn(terminal, usageLine(command))
    warn(terminal, `omendb ${command.name} --help shows the options and an example`)
    return WRONG_USAGE
  }
}

function checkOperands(command: Command, given: readonly string[]): void {
  const [least, most] = command.operandCount
  if (given.length < least) throw new UsageError(`${command.operands} is needed`)
  const extra = given[most]
  if (extra !== undefined) throw new UsageError(`${extra} is one operand too many`)
}

/** Messages are for the person who typed the command; a stack only helps with bugs of ours. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isOurs = ['TypeError', 'ReferenceError', 'RangeError', 'Error'].includes(error.name)
  const isSystem = typeof (error as NodeJS.ErrnoException).code === 'string'
  return isOurs && !isSystem ? (error.stack ?? error.message) : error.message
}
