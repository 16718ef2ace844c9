// `select` in its three forms (a string with commas, a list, an object of names) → selections.

import { OmenError } from '../../error.ts'
import { parseItems } from './parse.ts'
import type { Selection } from './tree.ts'

export type SelectInput = string | readonly string[] | { readonly [name: string]: string }

/**
 * One Selection per column of the answer; null = all fields (`*`). A column is named by its alias,
 * else by its text as sent, trimmed. Throws `bad_request` for a wrong shape, and what parseItems does.
 */
export function parseSelect(select: SelectInput): Selection[] | null {
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

function fromList(list: readonly unknown[]): Selection[] | null {
  if (list.length === 0) throw empty()
  if (list.length === 1 && list[0] === '*') return null
  return list.flatMap((text, i) => {
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

function named(text: string, pointer: string): Selection[] | null {
  const items = parseItems(text, pointer)
  if (items === null) return null
  return items.map((item) => ({
    name: item.alias ?? item.text,
    text: item.text,
    expression: item.expression,
    pointer,
  }))
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
