// LIKE patterns: tokens for the kernel, which matches fields (assembly/like.ts: bytes, ANY_ONE,
// ANY_RUN), or a function for tags, which are tested once per distinct value.

import { OmenError } from '../error.ts'

const ANY_ONE = 256
const ANY_RUN = 257

/** A pattern in pieces: literal text, or a wildcard. Throws `bad_request` for an escape at the end. */
function* pieces(
  pattern: string,
  escape: string,
): Generator<string | typeof ANY_ONE | typeof ANY_RUN> {
  const characters = [...pattern]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (escape !== '' && character === escape) {
      i++
      if (i === characters.length) {
        throw new OmenError('bad_request', 'where: a LIKE pattern must not end with its escape', {
          pointer: '/where',
          sqlstate: '22025',
        })
      }
      yield characters[i]!
    } else if (character === '%') yield ANY_RUN
    else if (character === '_') yield ANY_ONE
    else yield character
  }
}

/** Tokens for the kernel's matcher. ILIKE folds ASCII letters there, so others are refused. */
export function likeTokens(pattern: string, escape: string, insensitive: boolean): Uint32Array {
  const tokens: number[] = []
  const encoder = new TextEncoder()
  for (const piece of pieces(pattern, escape)) {
    if (typeof piece === 'number') {
      tokens.push(piece)
      continue
    }
    if (insensitive && piece > '\x7f' && piece.toLowerCase() !== piece.toUpperCase()) {
      throw new OmenError('unsupported', 'where: ILIKE on a field with letters outside ASCII', {
        pointer: '/where',
        sqlstate: '0A000',
      })
    }
    for (const byte of encoder.encode(piece)) tokens.push(byte)
  }
  return Uint32Array.from(tokens)
}

/**
 * The same pattern as a test of whole texts, code point by code point. Never a regular expression: a
 * pattern of many `%` costs at most the product of both lengths, not its exponent.
 */
export function likeTest(
  pattern: string,
  escape: string,
  insensitive: boolean,
): (text: string) => boolean {
  const fold = (text: string): string => (insensitive ? text.toLowerCase() : text)
  const tokens: (string | typeof ANY_ONE | typeof ANY_RUN)[] = []
  for (const piece of pieces(pattern, escape)) {
    if (typeof piece === 'number') tokens.push(piece)
    else tokens.push(...fold(piece))
  }
  return (text) => matches(tokens, [...fold(text)])
}

/** Greedy matching that falls back to the last `%` only (the classic wildcard loop). */
function matches(tokens: readonly (string | number)[], text: readonly string[]): boolean {
  let at = 0
  let token = 0
  let lastRun = -1
  let resumeAt = 0
  while (at < text.length) {
    const wanted = tokens[token]
    if (wanted === ANY_RUN) {
      lastRun = token++
      resumeAt = at
    } else if (wanted === ANY_ONE || wanted === text[at]) {
      token++
      at++
    } else if (lastRun !== -1) {
      token = lastRun + 1
      at = ++resumeAt
    } else return false
  }
  while (tokens[token] === ANY_RUN) token++
  return token === tokens.length
}
