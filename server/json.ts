// JSON as requests carry it: JSON.parse, and then what JSON.parse does not tell: members that are
// given twice (RFC 8259, section 4, leaves them undefined; here they are a 400 that names them), and
// halves of surrogate pairs, which are no text (two tags would become one when stored as UTF-8).
// A scan over quotes and brackets finds them, and bounds depth and number of objects beforehand:
// `[{},{},…` costs a parser twenty times its length in memory.

import { OmenError } from '../engine/error.ts'
import { JSON_CONTAINERS_MAX, JSON_DEPTH_MAX } from './limits.ts'

/** A parsed JSON value. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json }

/**
 * Parses a JSON text. Throws `bad_request` for what is not JSON, with its place, for a member that
 * is repeated and a text that is none; `too_large` beyond the limits. `what` is the subject of the
 * message.
 */
export function parseJson(text: string, what: string): Json {
  const repeated = scan(text, what)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    const reason = text.trim() === '' ? 'it is empty' : (error as Error).message
    throw new OmenError('bad_request', `${what}: not valid JSON: ${reason}`)
  }
  if (repeated !== null) {
    const { name, depth } = repeated
    // Of deeper ones the scan does not know the way; a wrong pointer is worse than none.
    const details = depth === 1 ? { pointer: pointerOf([name]) } : {}
    throw new OmenError('bad_request', `${what}: member "${name}" is given twice`, details)
  }
  if (SURROGATE_ESCAPE.test(text) && hasLoneSurrogate(value)) {
    throw new OmenError('bad_request', `${what}: half of a surrogate pair is no text`)
  }
  return value
}

/** Without one, the text was UTF-8 and cannot have a lone surrogate. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/

/** With the `u` flag, a surrogate matches only where it is not half of a pair. */
const LONE_SURROGATE = /\p{Surrogate}/u

function hasLoneSurrogate(value: Json): boolean {
  if (typeof value === 'string') return LONE_SURROGATE.test(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([name, member]) => LONE_SURROGATE.test(name) || hasLoneSurrogate(member),
  )
}

/** A JSON pointer (RFC 6901) of member names and positions. */
export function pointerOf(path: readonly (string | number | symbol)[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** All that matters to names: strings, and where objects and arrays begin and end. */
const TOKENS = /["{}[\]]/g

/** A name that an object at this depth (1 = the outermost) has twice. */
interface Repeated {
  readonly name: string
  readonly depth: number
}

/** The first name that an object of the text has twice, or null; of no meaning if it is not JSON. */
function scan(text: string, what: string): Repeated | null {
  const names: Set<string>[] = [new Set()] // by depth, each reused by the next object there
  let depth = 0
  let containerCount = 0
  let repeated: Repeated | null = null
  TOKENS.lastIndex = 0
  for (let match = TOKENS.exec(text); match !== null; match = TOKENS.exec(text)) {
    const token = match[0]
    if (token === '"') {
      const end = stringEnd(text, match.index)
      TOKENS.lastIndex = end
      if (!isName(text, end)) continue
      const name = memberName(text.slice(match.index, end))
      if (names[depth]!.has(name)) repeated ??= { name, depth }
      names[depth]!.add(name)
    } else if (token === '{' || token === '[') {
      depth++
      if (++containerCount > JSON_CONTAINERS_MAX || depth > JSON_DEPTH_MAX) {
        throw tooMany(what, depth)
      }
      if (names[depth]) names[depth]!.clear()
      else names.push(new Set())
    } else if (depth > 0) depth--
  }
  return repeated
}

function tooMany(what: string, depth: number): OmenError {
  if (depth > JSON_DEPTH_MAX) {
    return new OmenError('bad_request', `${what}: nested deeper than ${JSON_DEPTH_MAX}`)
  }
  const limit = `more than ${JSON_CONTAINERS_MAX} objects and arrays`
  return new OmenError('too_large', `${what}: ${limit}; send smaller batches, or columns`)
}

/** The offset after the closing quote of the string that opens at `start`. */
function stringEnd(text: string, start: number): number {
  for (let end = start; ;) {
    end = text.indexOf('"', end + 1)
    if (end === -1) return text.length
    let backslash = end
    while (text.charCodeAt(backslash - 1) === 92) backslash--
    if ((end - backslash) % 2 === 0) return end + 1
  }
}

/** True if the string that ends at `end` is followed by a colon: it names a member. */
function isName(text: string, end: number): boolean {
  while (text.charCodeAt(end) <= 32) end++
  return text.charCodeAt(end) === 58
}

function memberName(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    return JSON.parse(quoted) as string
  } catch {
    return quoted // not JSON: the parser says so
  }
}
