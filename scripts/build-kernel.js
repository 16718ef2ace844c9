// Builds the kernel: assembly/ → engine/omendb.wasm and engine/omendb.d.ts.
//
// asc compiles into a directory of its own and the results are renamed into place, so builds may run
// at the same time. A build whose sources did not change is skipped (`--force` builds anyway).
// A kernel that imports something, or allocates, is refused: the host owns all of its memory.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { declareKernel } from './kernel-types.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const wasmPath = join(root, 'engine/omendb.wasm')
const typesPath = join(root, 'engine/omendb.d.ts')
const pageBytes = 65536

/** Fingerprint of all that decides the kernel's bytes: sources, flags, compiler, this script. */
function fingerprint() {
  const hash = createHash('sha256')
  const sources = readdirSync(join(root, 'assembly'), { recursive: true })
    .map((name) => `assembly/${name}`)
    .filter((name) => name.endsWith('.ts'))
    .sort()
  const inputs = ['asconfig.json', 'scripts/build-kernel.js', 'scripts/kernel-types.js', ...sources]
  for (const name of inputs) {
    hash.update(`${name}\0`).update(readFileSync(join(root, name)))
  }
  const asc = createRequire(import.meta.url).resolve('assemblyscript/package.json')
  return hash.update(readFileSync(asc)).digest('hex')
}

function isFresh(sources) {
  if (!existsSync(wasmPath) || !existsSync(typesPath)) return false
  return readFileSync(typesPath, 'utf8').includes(`sources ${sources}`)
}

function compile(directory) {
  const asc = join(root, 'node_modules/assemblyscript/bin/asc.js')
  const outputs = ['--outFile', join(directory, 'omendb.wasm')]
  outputs.push('--textFile', join(directory, 'omendb.wat'))
  const run = spawnSync(process.execPath, [asc, ...outputs], { cwd: root, stdio: 'inherit' })
  if (run.status !== 0) throw new Error(`asc exited with ${run.status}`)
}

/** Checks what every host relies on: no imports, no allocation at start or later. */
function verify(module, text) {
  const imports = WebAssembly.Module.imports(module)
  if (imports.length > 0) {
    throw new Error(`the kernel imports ${imports.map((i) => `${i.module}.${i.name}`).join(', ')}`)
  }
  if (text.includes('~lib/rt/stub/offset')) {
    throw new Error(
      'the kernel allocates (new, array literal, string, closure): find it in the .wat',
    )
  }
  const { exports } = new WebAssembly.Instance(module)
  const bytes = exports.memory.buffer.byteLength
  if (bytes > Math.ceil(exports.heapBase.value / pageBytes) * pageBytes) {
    throw new Error(`the kernel starts with ${bytes} bytes, heapBase ${exports.heapBase.value}`)
  }
  return exports
}

function build(sources) {
  const directory = mkdtempSync(join(root, 'engine/.kernel-'))
  try {
    compile(directory)
    const wasm = readFileSync(join(directory, 'omendb.wasm'))
    const module = new WebAssembly.Module(wasm)
    const exports = verify(module, readFileSync(join(directory, 'omendb.wat'), 'utf8'))
    const declared = readFileSync(join(directory, 'omendb.d.ts'), 'utf8')
    writeFileSync(join(directory, 'typed.d.ts'), declareKernel(declared, exports, sources))
    renameSync(join(directory, 'omendb.wasm'), wasmPath)
    renameSync(join(directory, 'typed.d.ts'), typesPath)
    const count = WebAssembly.Module.exports(module).length
    console.log(`engine/omendb.wasm: ${wasm.length} bytes, ${count} exports`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const sources = fingerprint()
if (process.argv.includes('--force') || !isFresh(sources)) {
  try {
    build(sources)
  } catch (error) {
    console.error(`build:kernel: ${error.message}`)
    process.exitCode = 1
  }
}
