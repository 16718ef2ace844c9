// One command of the command line: its options, what its help says, and what it does.

import type { Flag, Flags, Parsed } from './flags.ts'
import type { Terminal } from './terminal.ts'

export interface Command<F extends Flags = Flags> {
  readonly name: string
  /** What follows the name: `TABLE`, `[FILE|-]`. */
  readonly operands: string
  /** Operands it takes at least and at most. */
  readonly operandCount: readonly [least: number, most: number]
  readonly summary: string
  readonly example: string
  /** Further lines of the help. */
  readonly notes?: readonly string[]
  readonly flags: F
  /** Does it; throws UsageError, or anything else for exit code 1. */
  run(parsed: Parsed<F>, terminal: Terminal): Promise<void>
}

/** Gives a command the type of its own options. */
export function defineCommand<F extends Flags>(command: Command<F>): Command {
  return command as unknown as Command
}

const COLUMN = 26

/** What the help says of an option: its variable of the environment last. */
export function helpOf({ help, env }: Flag): string {
  if (env === undefined) return help
  const end = help.endsWith(')') ? help.slice(0, -1) : null
  return end === null ? `${help} (${env})` : `${end}; ${env})`
}

function optionLine(name: string, value: string | undefined, help: string): string {
  const left = `  --${name}${value === undefined ? '' : ` ${value}`}`
  return left.length < COLUMN ? left.padEnd(COLUMN) + help : `${left}\n${' '.repeat(COLUMN)}${help}`
}

/** The line that shows how to call a command. */
export function usageLine(command: Command): string {
  const words = ['omendb', command.name, command.operands, '[OPTIONS]']
  return `usage: ${words.filter((word) => word !== '').join(' ')}`
}

/** What `omendb COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const options = Object.entries(command.flags).map(([name, flag]) =>
    optionLine(name, flag.value, helpOf(flag)),
  )
  const lines = [command.summary, '', usageLine(command), '', ...options]
  lines.push(optionLine('help', undefined, 'show this'))
  if (command.notes) lines.push('', ...command.notes)
  lines.push('', 'example:', `  ${command.example}`)
  return `${lines.join('\n')}\n`
}

/** What `omendb --help` prints. */
export function generalHelp(commands: readonly Command[], version: string): string {
  const calls = commands.map((one) => [`${one.name} ${one.operands}`.trim(), one.summary] as const)
  const width = Math.max(...calls.map(([call]) => call.length)) + 3
  const lines = [
    `omendb ${version}: a time-series database whose engine is one small WebAssembly module`,
    '',
    'usage: omendb COMMAND [OPTIONS]',
    '',
    ...calls.map(([call, summary]) => `  ${call.padEnd(width)}${summary}`),
    '',
    '  --help, --version',
    '',
    'omendb COMMAND --help shows the options of a command and an example. Start with:',
    '  omendb serve --demo',
  ]
  return `${lines.join('\n')}\n`
}
