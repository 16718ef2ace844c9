// Options of commands: WITH (name = value), (FORMAT csv, HEADER), as texts and as truth values.
// Source: PostgreSQL 15, src/backend/commands/define.c.

import type { DefElem, Node as Tree } from 'libpg-query'
import { literalText } from './cast.ts'
import type { Context } from './context.ts'

export interface Option {
  readonly name: string
  /** Null: only its name is given. */
  readonly text: string | null
  readonly tree: Tree | undefined
  readonly location: number | undefined
}

/** Throws 42601 for one that comes twice. */
export function readOptions(context: Context, trees: readonly Tree[]): Option[] {
  const options = trees.map((tree): Option => {
    const { defname = '', arg, location }: DefElem = (tree as { DefElem: DefElem }).DefElem
    return { name: defname, text: literalText(arg), tree: arg, location }
  })
  const twice = options.find(({ name }, index) =>
    options.slice(0, index).some((one) => one.name === name),
  )
  if (twice !== undefined) {
    context.fail('42601', 'conflicting or redundant options', twice.location)
  }
  return options
}

const TRUE = new Set(['true', 'on', '1'])
const FALSE = new Set(['false', 'off', '0'])

/** Throws 42601 for what is neither. */
export function isOn(context: Context, { name, text, location }: Option): boolean {
  const word = text?.toLowerCase() ?? 'true'
  if (TRUE.has(word)) return true
  if (FALSE.has(word)) return false
  return context.fail('42601', `${name} requires a Boolean value`, location)
}
