// A large JSON text parsed in steps: JSON.parse takes a second for the largest body that a write may
// have, and nobody else would be served meanwhile. A container that is long is cut at commas of its
// own level, which the scan over quotes and brackets tells from all others; each stretch between two
// cuts is given to JSON.parse by itself, and what it says is put together. Small texts are parsed whole.

import { OmenError } from '../engine/error.ts'
import { type Json, parseJson, parseText, refuseHalves, refuseRepeated } from './json.ts'
import { JsonScan, type Token } from './json-scan.ts'
import { JSON_STEP_LENGTH } from './limits.ts'

type JsonObject = { [member: string]: Json }

/** An object or array that is open where the scan is. */
interface Open {
  readonly isArray: boolean
  /** Where the text begins that it is in its parent: its bracket, or the name before that. */
  readonly start: number
  /** Its quoted name; null in an array. */
  readonly name: string | null
  /** What its parts have given so far; null while it is a part of its parent's text. */
  value: Json[] | JsonObject | null
  /** Its text up to here is in `value`. */
  from: number
  /** What the text at `from` has to begin with. */
  expects: 'anything' | 'member' | 'comma'
}

/** As parseJson, which it is for texts of up to `stepLength` characters; yields after so many. */
export function* parseJsonSteps(
  text: string,
  what: string,
  stepLength = JSON_STEP_LENGTH,
): Generator<undefined, Json> {
  if (text.length <= stepLength) return parseJson(text, what)
  const parser = new StepParser(text, what, stepLength)
  let rested = 0
  while (parser.step()) {
    if (parser.position - rested < stepLength) continue
    rested = parser.position
    yield
  }
  return parser.finish()
}

class StepParser {
  /** How far it has come. */
  position = 0
  private readonly text: string
  private readonly what: string
  private readonly stepLength: number
  private readonly scan: JsonScan
  private token: Token | null = null
  /** Where the token before ends: from here to the token are commas, numbers and the like. */
  private gap = 0
  private readonly open: Open[] = []
  /** Where the last name of a member begins and ends. */
  private name: [start: number, end: number] = [0, 0]
  /** The outermost container and where it ends, if it was cut. */
  private root: { value: Json; end: number } | null = null
  /** Whether the token that the scan came to is looked at. */
  private isTaken = true

  constructor(text: string, what: string, stepLength: number) {
    this.text = text
    this.what = what
    this.stepLength = stepLength
    this.scan = new JsonScan(text, what)
  }

  /** Goes on by a token, or by a cut before it; false at the end. */
  step(): boolean {
    const { scan } = this
    if (this.isTaken) {
      this.gap = scan.end
      this.token = scan.next()
      this.isTaken = false
    }
    if (this.cut()) return true
    this.isTaken = true
    this.position = scan.end
    if (this.token === null) return false
    if (this.token === 'name') this.name = [scan.start, scan.end]
    else if (this.token === '{' || this.token === '[') this.enter(this.token === '[')
    else if (this.token === '}' || this.token === ']') this.leave(this.token === ']')
    return true
  }

  /** The value of the whole text. */
  finish(): Json {
    const { text, what, root, scan } = this
    if (root !== null && !isBlank(text.slice(root.end))) throw this.invalid(root.end)
    // Without a cut it is a text or a number, or no JSON, which shows at once.
    if (root === null && this.open.some(({ value }) => value !== null)) {
      throw this.invalid(text.length)
    }
    const value = root === null ? parseText(text, what) : root.value
    refuseRepeated(scan, what)
    if (root === null) refuseHalves(text, value, what)
    return value
  }

  /** Takes what is before a comma in the gap, if the innermost container is long enough by then. */
  private cut(): boolean {
    const top = this.open.at(-1)
    if (top === undefined || this.scan.start - top.from <= this.stepLength) return false
    const comma = this.commaAfter(top.from)
    if (comma === -1) return false
    this.openParents()
    this.take(top, comma + 1, false)
    top.from = comma + 1
    this.position = comma + 1
    return true
  }

  /** The last comma of the gap that is at most a step after `from`, or else its first one; -1: none. */
  private commaAfter(from: number): number {
    const { text, gap, scan } = this
    const low = Math.max(gap, from)
    const high = Math.min(scan.start, from + this.stepLength)
    const last = low < high ? text.slice(low, high).lastIndexOf(',') : -1
    if (last !== -1) return low + last
    const rest = Math.max(low, high)
    const first = text.slice(rest, scan.start).indexOf(',')
    return first === -1 ? -1 : rest + first
  }

  private enter(isArray: boolean): void {
    const { open, scan } = this
    const parent = open.at(-1)
    const [from, to] = this.name
    const isMember = parent !== undefined && !parent.isArray
    const start = isMember ? from : scan.start
    const name = isMember ? this.text.slice(from, to) : null
    // A name is that of this one if only a colon is between; else the text is not JSON.
    if (isMember && !NAMED.test(this.text.slice(to, scan.start))) throw this.invalid(scan.start)
    open.push({ isArray, start, name, value: null, from: scan.end, expects: 'anything' })
  }

  private leave(isArray: boolean): void {
    const { scan } = this
    const closed = this.open.pop()
    if (closed === undefined) throw this.invalid(scan.start)
    if (closed.value === null) return
    if (closed.isArray !== isArray) throw this.invalid(scan.start)
    this.take(closed, scan.start, true)
    const parent = this.open.at(-1)
    if (parent === undefined) {
      if (this.root !== null) throw this.invalid(scan.start)
      this.root = { value: closed.value, end: scan.end }
      return
    }
    if (Array.isArray(parent.value)) parent.value.push(closed.value)
    else setMember(parent.value!, this.nameOf(closed), closed.value)
    parent.from = scan.end
    parent.expects = 'comma'
  }

  private nameOf({ name, start }: Open): string {
    try {
      const text = JSON.parse(name!) as string
      refuseHalves(name!, text, this.what)
      return text
    } catch (error) {
      throw error instanceof OmenError ? error : this.invalid(start)
    }
  }

  /** All open containers are put together of parts from now on: what is before the next one is taken. */
  private openParents(): void {
    for (const [i, container] of this.open.entries()) {
      if (container.value === null) {
        container.value = container.isArray ? [] : {}
        if (i === 0 && !isBlank(this.text.slice(0, container.start))) throw this.invalid(0)
        if (i > 0) this.take(this.open[i - 1]!, container.start, false)
      }
    }
  }

  /** Adds the members of a container's text up to `end`, behind which it ends or another one follows. */
  private take(container: Open, end: number, isLast: boolean): void {
    const { from } = container
    let part = trim(this.text.slice(from, end))
    if (container.expects === 'comma') {
      if (part === '' && isLast) return
      if (!part.startsWith(',')) throw this.invalid(from)
      part = trim(part.slice(1))
      container.expects = 'member'
    }
    if (part === '') {
      if (isLast && container.expects === 'member') throw this.invalid(end)
      return
    }
    if (!isLast) {
      if (!part.endsWith(',')) throw this.invalid(end)
      part = part.slice(0, -1)
      if (trim(part) === '') throw this.invalid(from)
    }
    container.expects = 'member'
    const value = this.parse(container.isArray ? `[${part}]` : `{${part}}`, from)
    if (Array.isArray(container.value)) for (const one of value as Json[]) container.value.push(one)
    else {
      for (const [name, one] of Object.entries(value as JsonObject)) {
        setMember(container.value!, name, one)
      }
    }
  }

  private parse(part: string, from: number): Json {
    let value: Json
    try {
      value = JSON.parse(part) as Json
    } catch {
      throw this.invalid(from)
    }
    refuseHalves(part, value, this.what)
    return value
  }

  private invalid(at: number): OmenError {
    return new OmenError('bad_request', `${this.what}: not valid JSON after character ${at}`)
  }
}

/** What is between a name and its container. */
const NAMED = /^[ \t\n\r]*:[ \t\n\r]*$/

/** Without the white space of JSON around it, which is less than that of JavaScript. */
function trim(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(text: string): boolean {
  return trim(text) === ''
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13
}

/** As JSON.parse does it: also for `__proto__`. */
function setMember(target: JsonObject, name: string, value: Json): void {
  if (name !== '__proto__') target[name] = value
  else
    Object.defineProperty(target, name, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
}
