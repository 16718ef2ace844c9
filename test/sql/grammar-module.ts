// Gives tests the grammar, as a host does: the module of the package that is installed.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { provideGrammar } from '../../sql/syntax/grammar.ts'

const path = createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm')

provideGrammar(async () => WebAssembly.compile(await readFile(path)))
