// Names in expressions → columns of a table. An unquoted name is the column in lower case, else the
// only one equal but for case; a quoted name is that column or none (api.md, "Names").

import { OmenError } from '../../error.ts'

/** Beyond these, an error makes no suggestion: distance is quadratic and columns are many. */
const SUGGEST_LENGTH_MAX = 64
const SUGGEST_COLUMNS_MAX = 1_000

/** The column that a name means, or null. `name` as in a Column node: lower case unless quoted. */
export function resolveColumn(
  name: string,
  quoted: boolean,
  columns: Iterable<string>,
): string | null {
  const like = quoted ? [] : columnsLike(name, columns)
  for (const column of columns) if (column === name) return column
  return like.length === 1 ? like[0]! : null
}

/** A name of `by`, a tag: exactly as sent, else as if unquoted. */
export function resolveName(name: string, columns: Iterable<string>): string | null {
  for (const column of columns) if (column === name) return column
  return resolveColumn(name.toLowerCase(), false, columns)
}

/** What to throw when resolveColumn or resolveName found nothing: `unknown_column`, 42703, with advice. */
export function unknownColumn(
  name: { readonly name: string; readonly quoted: boolean; readonly position: number | null },
  columns: Iterable<string>,
  pointer: string,
): OmenError {
  const like = name.quoted ? [] : columnsLike(name.name, columns)
  const details = {
    sqlstate: '42703',
    pointer,
    ...(name.position === null ? {} : { position: name.position }),
  }
  const subject = `column ${JSON.stringify(name.name)} does not exist`
  if (like.length > 1) {
    const choice = like.sort().map((column) => JSON.stringify(column))
    const message = `${subject}: quote one of ${choice.join(', ')}`
    return new OmenError('unknown_column', message, details)
  }
  const near = nearestName(name.name, columns)
  const advice = near === null ? '' : `; did you mean ${JSON.stringify(near)}?`
  return new OmenError('unknown_column', subject + advice, details)
}

/** The column with the fewest edits from `name`, at most a third of its length; null = none. */
export function nearestName(name: string, columns: Iterable<string>): string | null {
  if (name.length > SUGGEST_LENGTH_MAX) return null
  const wanted = name.toLowerCase()
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  let seen = 0
  for (const column of columns) {
    if (++seen > SUGGEST_COLUMNS_MAX) break
    if (Math.abs(column.length - name.length) >= bestDistance) continue
    const distance = editDistance(wanted, column.toLowerCase())
    if (distance < bestDistance) {
      best = column
      bestDistance = distance
    }
  }
  return best
}

function columnsLike(name: string, columns: Iterable<string>): string[] {
  const wanted = name.toLowerCase()
  const found: string[] = []
  for (const column of columns) if (column.toLowerCase() === wanted) found.push(column)
  return found
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + cost)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, before[j - 2]! + 1)
      row.push(least)
    }
    before = above
    above = row
  }
  return above[b.length]!
}
