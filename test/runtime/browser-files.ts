// What a page loads from the package, built as for it, into a directory that goes at the end.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'tsdown'
import { browserFiles, client, modulesBeside } from '../../tsdown.config.ts'

/** The directory, as `dist` has these files. */
export interface BuiltFiles {
  readonly directory: string
  remove(): void
}

export async function buildBrowserFiles(): Promise<BuiltFiles> {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-dist-'))
  const settings = { config: false, dts: false, outDir: directory, logLevel: 'error' } as const
  await build({ ...browserFiles, ...settings, copy: modulesBeside(directory) })
  await build({ ...client, ...settings })
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) }
}
