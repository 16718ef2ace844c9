// Puts PostgreSQL's grammar, a module of libpg-query, where sql/ and the bundles have it beside them.

import { copyFileSync, existsSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const source = createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm')
const target = fileURLToPath(new URL('../sql/syntax/libpg-query.wasm', import.meta.url))

const isThere = existsSync(target) && statSync(target).mtimeMs >= statSync(source).mtimeMs
if (!isThere || statSync(target).size !== statSync(source).size) {
  // Others may be reading it.
  copyFileSync(source, `${target}.${process.pid}`)
  renameSync(`${target}.${process.pid}`, target)
}
