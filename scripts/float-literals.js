// Rewrites `5.` to `5.0` in assembly/ before the formatter sees it: a formatter prints `5`, which
// AssemblyScript takes for an integer, and then divides integers without a word.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

for (const name of readdirSync('assembly', { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.ts')) continue
  const path = join('assembly', name)
  const text = readFileSync(path, 'utf8')
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  const ends = []
  const visit = (node) => {
    if (ts.isNumericLiteral(node) && node.getText(source).endsWith('.')) ends.push(node.end)
    ts.forEachChild(node, visit)
  }
  visit(source)
  if (ends.length === 0) continue
  let fixed = text
  for (const end of ends.reverse()) fixed = `${fixed.slice(0, end)}0${fixed.slice(end)}`
  writeFileSync(path, fixed)
  console.log(`${path}: ${ends.length} float literals now end in .0`)
}
