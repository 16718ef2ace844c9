// The kernel compiled, for tests on Node; in workerd, which compiles nothing, tests put its import here.

import { readFileSync } from 'node:fs'

const bytes = readFileSync(new URL('../engine/omendb.wasm', import.meta.url))

/** Compiled once. */
export const compiled: Promise<WebAssembly.Module> = WebAssembly.compile(bytes)
