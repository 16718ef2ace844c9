// JSON as requests carry it: JSON.parse, and then what JSON.parse does not tell: members that are
// given twice (RFC 8259, section 4, leaves them undefined; here they are a 400 that names them), and
// halves of surrogate pairs, which are no text (two tags would become one when stored as UTF-8).
// json-scan.ts finds the former, and bounds what the parser may cost; json-steps.ts parses what is
// large.

import { OmenError } from '../engine/error.ts'
import { JsonScan } from './json-scan.ts'

/** A parsed JSON value. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json }

/**
 * Parses a JSON text. Throws `bad_request` for what is not JSON, with its place, for a member that
 * is repeated and a text that is none; `too_large` beyond the limits. `what` is the subject of the
 * message.
 */
export function parseJson(text: string, what: string): Json {
  const scan = new JsonScan(text, what)
  while (scan.next() !== null) continue
  const value = parseText(text, what)
  refuseRepeated(scan, what)
  refuseHalves(text, value, what)
  return value
}

/** JSON.parse; throws `bad_request` for what is not JSON. */
export function parseText(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    const reason = text.trim() === '' ? 'it is empty' : (error as Error).message
    throw new OmenError('bad_request', `${what}: not valid JSON: ${reason}`)
  }
}

/** Throws `bad_request` if the scan found a member that is given twice. */
export function refuseRepeated({ repeated }: JsonScan, what: string): void {
  if (repeated === null) return
  const { name, depth } = repeated
  // Of deeper ones the scan does not know the way; a wrong pointer is worse than none.
  const details = depth === 1 ? { pointer: pointerOf([name]) } : {}
  throw new OmenError('bad_request', `${what}: member "${name}" is given twice`, details)
}

/** Throws `bad_request` if a text or a name of `value`, parsed of `text`, has a lone surrogate. */
export function refuseHalves(text: string, value: Json, what: string): void {
  if (!SURROGATE_ESCAPE.test(text) || !hasLoneSurrogate(value)) return
  throw new OmenError('bad_request', `${what}: half of a surrogate pair is no text`)
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
