// Gives Node PostgreSQL's grammar.

import { readFile } from 'node:fs/promises'
import { GRAMMAR_FILE } from '../../sql/syntax/grammar-file.ts'
import { provideGrammar } from '../../sql/syntax/grammar.ts'

/** To be called before the first statement; nothing is read before that. */
export function provideNodeGrammar(): void {
  provideGrammar(async () => WebAssembly.compile(await readFile(GRAMMAR_FILE)))
}
