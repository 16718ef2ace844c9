// Where Node finds PostgreSQL's grammar: beside the bundles, which bring it along, or in its package.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { provideGrammar } from '../../sql/syntax/grammar.ts'

const PACKAGED = 'libpg-query/wasm/libpg-query.wasm'

/** To be called before the first statement; nothing is read before that. */
export function provideNodeGrammar(): void {
  provideGrammar(async () => {
    const beside = new URL('./libpg-query.wasm', import.meta.url)
    const path = existsSync(beside) ? beside : createRequire(import.meta.url).resolve(PACKAGED)
    return WebAssembly.compile(await readFile(path))
  })
}
