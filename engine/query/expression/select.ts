// `select` in its three forms (a string with commas, a list, an object of names) → selections.

import { OmenError } from '../../error.ts'
import { parseItems } from './parse.ts'
import type { Selection } from './tree.ts'

export type SelectInput = string | readonly string[] | { readonly [name: string]: string }

/**
 * One Selection per column of the answer; null = all fields (`*`). A column is named by its alias,
 * else by its text as sent, trimmed. Throws `bad_request` for a wrong shape, and what parseItems does.
 */
export function parseSelect(select: SelectInput): readonly Selection[] | null {
  if (typeof select === 'string') {
    if (select.trimStart().startsWith('{')) return parseSelect(objectText(select))
    return named(select, '/select')
  }
  if (Array.isArray(select)) return fromList(select)
  if (typeof select !== 'object' || select === null) wrongShape('/select', select)
  return fromObject(select as { readonly [name: string]: string })
}

/** In a URL an object is JSON text. */
function objectText(text: string): { readonly [name: string]: string } {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as { readonly [name: string]: string }
    }
  } catch {
    // Falls through: the message is the same.
  }
  throw new OmenError('bad_request', 'select: not a JSON object', { pointer: '/select' })
}

function fromList(list: readonly unknown[]): readonly Selection[] | null {
  if (list.length === 0) throw empty()
  if (list.length === 1 && list[0] === '*') return null
  return list.map((text, i) => {
    const pointer = `/select/${i}`
    if (typeof text !== 'string') wrongShape(pointer, text)
    return one(text, pointer, null)
  })
}

function fromObject(object: { readonly [name: string]: unknown }): Selection[] {
  const names = Object.keys(object)
  if (names.length === 0) throw empty()
  return names.map((name) => {
    const pointer = `/select/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const text = object[name]
    if (typeof text !== 'string') wrongShape(pointer, text)
    return one(text, pointer, name)
  })
}

/** Selections by where they stand and their text, the last few: dashboards ask the same again. */
const parsed = new Map<string, readonly Selection[]>()
const PARSED_MAX = 1_024
const PARSED_TEXT_MAX = 200

function named(text: string, pointer: string): readonly Selection[] | null {
  const key = `${pointer.length} ${pointer}${text}`
  const before = parsed.get(key)
  if (before !== undefined) return before
  const items = parseItems(text, pointer)
  if (items === null) return null
  const selections = items.map((item) => ({
    name: item.alias ?? item.text,
    text: item.text,
    expression: item.expression,
    pointer,
  }))
  if (parsed.size === PARSED_MAX) parsed.clear()
  if (text.length <= PARSED_TEXT_MAX) parsed.set(key, selections)
  return selections
}

function one(text: string, pointer: string, name: string | null): Selection {
  const items = named(text, pointer)
  if (items === null || items.length !== 1) {
    const message = `${pointer.slice(1)}: one expression belongs here, not ${JSON.stringify(text)}`
    throw new OmenError('bad_request', message, { pointer })
  }
  const item = items[0]!
  if (name === null) return item
  if (item.name !== item.text) {
    const message = `${pointer.slice(1)}: has a name already, AS is not for here`
    throw new OmenError('bad_request', message, { pointer })
  }
  return { ...item, name }
}

function empty(): OmenError {
  return new OmenError('bad_request', 'select: is empty', { pointer: '/select' })
}

function wrongShape(pointer: string, value: unknown): never {
  const found = value === null ? 'null' : typeof value
  throw new OmenError('bad_request', `${pointer.slice(1)}: an expression is text, not ${found}`, {
    pointer,
  })
}
