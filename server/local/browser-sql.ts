// SQL in a page's worker: the grammar is a file beside this one, which the first statement fetches.

import { GRAMMAR_FILE } from '../../sql/syntax/grammar-file.ts'
import { provideGrammar } from '../../sql/syntax/grammar.ts'
import type { ServedDatabase } from '../endpoint.ts'
import { loadSql } from '../sql/load.ts'
import type { SqlService } from '../sql/service.ts'

/** The option `sql` of an app in a page's worker. */
export function browserSql(db: ServedDatabase): Promise<SqlService> {
  provideGrammar(async () => {
    const response = await fetch(GRAMMAR_FILE)
    if (!response.ok) throw new Error(`${response.url}: ${response.status}`)
    return WebAssembly.compile(await response.arrayBuffer())
  })
  return loadSql(db)
}
