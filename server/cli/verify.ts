// `omendb verify` and `omendb repair`: a directory that no server uses, checked to the last byte, and
// brought back to what opens.

import { existsSync } from 'node:fs'
import { repair, verify } from '../../engine/node.ts'
import { defineCommand } from './command.ts'
import { CommandError, counted, print, printable, warn, type Terminal } from './terminal.ts'

const DATA = { value: 'DIR', help: 'data directory (OMENDB_DATA, default ./data)' } as const

export const verifyCommand = defineCommand({
  name: 'verify',
  operands: '[DIR]',
  operandCount: [0, 1],
  summary: 'read every byte of a data directory and compare all checksums',
  example: 'omendb verify ./data',
  notes: [
    'Changes nothing; no server may be using the directory. Prints a line for each damage (file,',
    'offset, table, times) and each file that is not ours. Exit code 1: something is damaged, or there is no data.',
  ],
  flags: { data: DATA },
  async run({ flags, positionals }, terminal) {
    const path = directoryOf(positionals[0] ?? flags.data, terminal)
    const { lines, damages, files, bytes } = await verify(path, progressOf(terminal))
    for (const line of lines) await print(terminal.stdout, `${printable(line)}\n`)
    const read = `${counted(files, 'file')}, ${counted(bytes, 'byte')}`
    if (files === 0 && damages === 0) throw new CommandError(`${path}: is no data directory`)
    if (damages > 0) throw new CommandError(`${path}: ${counted(damages, 'damage')} in ${read}`)
    warn(terminal, `${path}: no damage in ${read}`)
  },
})

export const repairCommand = defineCommand({
  name: 'repair',
  operands: '[DIR]',
  operandCount: [0, 1],
  summary: 'bring a damaged data directory back to a state that opens',
  example: 'omendb repair --dry-run ./data',
  notes: [
    'What is intact stays; what is damaged is copied to quarantine/ and given up, and what is lost is',
    'written to loss-1.txt and loss-1.json in the directory. Restore a backup instead if there is one.',
  ],
  flags: { 'dry-run': { help: 'only say what would be done' }, data: DATA },
  async run({ flags, positionals }, terminal) {
    const path = directoryOf(positionals[0] ?? flags.data, terminal)
    const isDryRun = flags['dry-run'] ?? false
    const done = await repair(path, { isDryRun, ...progressOf(terminal) })
    for (const action of done.actions) await print(terminal.stdout, `${printable(action)}\n`)
    if (done.refusals.length > 0) throw new CommandError(done.refusals.join('; '))
    if (done.actions.length === 0) warn(terminal, `${path}: there is nothing to repair`)
    else if (isDryRun) warn(terminal, `${path}: nothing was changed`)
    else
      warn(terminal, `${path}: repaired${done.report === null ? '' : `; see ${done.report}.txt`}`)
  },
})

function directoryOf(given: string | undefined, { env }: Terminal): string {
  const path = given ?? (env['OMENDB_DATA'] || './data')
  if (!existsSync(path)) throw new CommandError(`${path}: no such directory`)
  return path
}

/** Percent on a terminal's stderr, in place. */
function progressOf({ stderr }: Terminal): { progress?: (bytes: number, of: number) => void } {
  if (!stderr.isTTY) return {}
  let shown = -1
  return {
    progress(bytes, of) {
      const percent = Math.floor((100 * bytes) / of)
      if (percent === shown) return
      shown = percent
      stderr.write(`\r${percent} %${percent === 100 ? '\r     \r' : ''}`)
    },
  }
}
