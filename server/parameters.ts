// Parameters of a URL, strictly: each once, each known. Values that stand for members of a JSON
// body are turned into the same objects: lists are comma-separated (not at commas inside
// parentheses or quotes), objects are JSON text.

import type * as z from 'zod'
import { OmenError } from '../engine/error.ts'
import { parseJson, pointerOf, type Json } from './json.ts'

/**
 * The parameters of a URL by name. Throws `bad_request` naming one that is given twice, or whose
 * bytes are not UTF-8.
 */
export function readParameters(url: string): Record<string, string> {
  const start = url.indexOf('?')
  const parameters: Record<string, string> = Object.create(null)
  if (start === -1) return parameters
  const end = url.indexOf('#', start)
  const text = url.slice(start, end === -1 ? undefined : end)
  // Decoding turns broken UTF-8 into U+FFFD, silently. Who means that character has to send it.
  const isBroken = (decoded: string) =>
    decoded.includes('\uFFFD') && !/%EF%BF%BD|\uFFFD/i.test(text)
  for (const [name, value] of new URLSearchParams(text)) {
    const details = { pointer: pointerOf([name]) }
    if (name in parameters) {
      throw new OmenError('bad_request', `parameter "${name}" is given twice`, details)
    }
    if (isBroken(name) || isBroken(value)) {
      throw new OmenError('bad_request', `parameter "${name}" is not valid UTF-8`, details)
    }
    parameters[name] = value
  }
  return parameters
}

/**
 * Checks a value against a strict schema. Throws `bad_request` whose message names each parameter
 * or member that is unknown, missing or wrong; `word` is what the caller calls them.
 */
export function checkShape<T extends z.ZodType>(
  schema: T,
  value: unknown,
  word: 'parameter' | 'member',
): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = result.error.issues.map((issue) => describeIssue(issue, value, word))
  throw new OmenError('bad_request', errors[0]!.message, {
    errors: errors.map(({ pointer, message }) => {
      return { line: null, column: null, pointer, message, input: null, code: 'bad_request' }
    }),
  })
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown, word: string) {
  if (issue.code === 'unrecognized_keys') {
    const name = issue.keys[0]!
    const path = [...issue.path, name]
    return { pointer: pointerOf(path), message: `unknown ${word} "${path.map(String).join('.')}"` }
  }
  const pointer = pointerOf(issue.path)
  if (issue.path.length === 0) return { pointer, message: `body: ${issue.message}` }
  const name = issue.path.map(String).join('.')
  if (valueAt(value, issue.path) === undefined) {
    return { pointer, message: `${word} "${name}" is missing` }
  }
  return { pointer, message: `${word} "${name}": ${issue.message.replace(/^Invalid input: /, '')}` }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value as Record<PropertyKey, unknown> | undefined
  for (const step of path) at = at?.[step] as typeof at
  return at
}

/**
 * Splits a list at its commas, but not inside parentheses or quotes: `mean(a), quantile(a, 0.9)`
 * has two entries. Entries are trimmed, empty ones dropped.
 */
export function splitList(text: string): string[] {
  const entries: string[] = []
  let start = 0
  let depth = 0
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === "'" || character === '"') quote = character
    else if (character === '(') depth++
    else if (character === ')') depth--
    else if (character === ',' && depth <= 0) {
      entries.push(text.slice(start, i))
      start = i + 1
    }
  }
  entries.push(text.slice(start))
  return entries.map((entry) => entry.trim()).filter((entry) => entry !== '')
}

/** Text that is JSON if it starts with `{`, and itself otherwise. */
export function objectOrText(text: string, name: string): Json {
  return text.trimStart().startsWith('{') ? parseJson(text, `parameter "${name}"`) : text
}

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/

/** Of `fill`: an object, a number, or a word. */
export function fillParameter(text: string): Json {
  return NUMBER.test(text) ? Number(text) : objectOrText(text, 'fill')
}
