// A scan over the quotes and brackets of a JSON text, without parsing what is between: it finds what
// JSON.parse does not tell (members given twice) and bounds depth and number of objects beforehand,
// because `[{},{},…` costs a parser twenty times its length in memory.

import { OmenError } from '../engine/error.ts'
import { JSON_CONTAINERS_MAX, JSON_DEPTH_MAX, JSON_STEP_LENGTH } from './limits.ts'

/** All that matters to names: strings, and where objects and arrays begin and end. */
const TOKENS = /["{}[\]]/g

/** `name` is a string that names a member, `text` any other one, `gap` a long stretch without any. */
export type Token = '{' | '[' | '}' | ']' | 'name' | 'text' | 'gap'

/** A name that an object at this depth (1 = the outermost) has twice. */
export interface Repeated {
  readonly name: string
  readonly depth: number
}

export class JsonScan {
  /** Where the token begins that `next` came to, and where the text after it does. */
  start = 0
  end = 0
  /** The first name that an object has twice, or null; of no meaning if the text is not JSON. */
  repeated: Repeated | null = null
  private readonly text: string
  private readonly what: string
  /** The stretch of the text that is searched, and where it begins: a column has no token for megabytes. */
  private window: string
  private base = 0
  /** By depth, each used again by the next object there. */
  private readonly names: Set<string>[] = [new Set()]
  private depth = 0
  private containerCount = 0

  /** `what` is the subject of messages. */
  constructor(text: string, what: string) {
    this.text = text
    this.what = what
    this.window = text.slice(0, JSON_STEP_LENGTH)
  }

  /** The next token, null at the end. Throws `bad_request` or `too_large` beyond the limits. */
  next(): Token | null {
    if (this.end >= this.base + this.window.length) this.moveWindow(this.end)
    TOKENS.lastIndex = this.end - this.base
    const match = TOKENS.exec(this.window)
    this.start = this.base + (match === null ? this.window.length : match.index)
    this.end = this.start + (match === null ? 0 : 1)
    if (match === null) return this.start === this.text.length ? null : 'gap'
    const token = match[0] as '"' | '{' | '[' | '}' | ']'
    if (token === '"') return this.string()
    if (token === '{' || token === '[') this.open()
    else if (this.depth > 0) this.depth--
    return token
  }

  private moveWindow(base: number): void {
    this.base = base
    this.window = this.text.slice(base, base + JSON_STEP_LENGTH)
  }

  private string(): Token {
    const { text, start } = this
    this.end = stringEnd(text, start)
    if (!isName(text, this.end)) return 'text'
    const name = memberName(text.slice(start, this.end))
    const known = this.names[this.depth]!
    if (known.has(name)) this.repeated ??= { name, depth: this.depth }
    known.add(name)
    return 'name'
  }

  private open(): void {
    this.depth++
    const { depth, what } = this
    if (depth > JSON_DEPTH_MAX) {
      throw new OmenError('bad_request', `${what}: nested deeper than ${JSON_DEPTH_MAX}`)
    }
    if (++this.containerCount > JSON_CONTAINERS_MAX) {
      const limit = `more than ${JSON_CONTAINERS_MAX} objects and arrays`
      throw new OmenError('too_large', `${what}: ${limit}; send smaller batches, or columns`)
    }
    if (this.names[depth]) this.names[depth].clear()
    else this.names.push(new Set())
  }
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

/** The name that a quoted text is. */
function memberName(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    return JSON.parse(quoted) as string
  } catch {
    return quoted // not JSON: the parser says so
  }
}
