// The package as users of npm meet it: built elsewhere than in dist/, packed, and installed into an empty
// folder. What runs there imports `omendb` by its name, so the exports map decides what it gets.

import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

export interface Installed {
  /** What npm publishes. */
  readonly tarball: string
  /** A folder with a package.json and node_modules/omendb, nothing else. */
  readonly folder: string
  /** node_modules/omendb in it. */
  readonly package: string
  remove(): void
}

/** Builds, packs and installs, without a network; half a minute. */
export async function installPackage(): Promise<Installed> {
  const place = mkdtempSync(join(tmpdir(), 'omendb-package-'))
  const [source, folder] = [join(place, 'source'), join(place, 'folder')]
  for (const directory of [source, folder]) mkdirSync(directory)
  const env = { ...process.env, OMENDB_DIST: join(source, 'dist') }
  await run('npx', ['tsdown', '--log-level', 'error'], { cwd: ROOT, env })
  for (const name of ['package.json', 'LICENSE', 'README.md']) {
    copyFileSync(join(ROOT, name), join(source, name))
  }
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', place]
  const { stdout } = await run('npm', packing, { cwd: source })
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  const tarball = join(place, filename)
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}\n')
  const installing = ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', [...installing, tarball], { cwd: folder })
  return {
    tarball,
    folder,
    package: join(folder, 'node_modules/omendb'),
    remove: () => rmSync(place, { recursive: true, force: true, maxRetries: 5 }),
  }
}

/**
 * Puts TypeScript programs of this folder there as JavaScript, side by side, since not every runtime
 * strips types. The path of the last.
 */
export function place({ folder }: Installed, ...programs: string[]): string {
  let file = ''
  for (const program of programs) {
    const source = readFileSync(new URL(program, import.meta.url), 'utf8')
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    file = join(folder, basename(program, '.ts') + '.js')
    writeFileSync(file, outputText.replaceAll(/from '\.[./]*\/([\w-]+)\.ts'/g, "from './$1.js'"))
  }
  return file
}
