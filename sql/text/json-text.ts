// JSON as jsonb holds it: keys in its order (shorter first, then by bytes), the last of equal ones, and
// numbers with all their digits, which JSON.parse would lose.
// Source: PostgreSQL 15, src/backend/utils/adt/jsonb.c and jsonb_util.c, compareJsonbStringValue.

import { Decimal } from '../decimal.ts'
import { SqlError } from '../sql-error.ts'

/** A JSON value; numbers are decimals, objects are maps. */
export type Json = null | boolean | string | Decimal | readonly Json[] | ReadonlyMap<string, Json>

const TOKEN =
  /[ \t\n\r]*(?:([{}[\],:])|(true|false|null)(?![\w])|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])|("(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"))/y
const DEPTH_MAX = 1_000

class JsonReader {
  private readonly text: string
  private at = 0
  private depth = 0

  constructor(text: string) {
    this.text = text
  }

  read(): Json {
    const value = this.readValue(this.next())
    if (this.text.slice(this.at).trim() !== '') this.fail()
    return value
  }

  private next(): string {
    TOKEN.lastIndex = this.at
    const found = TOKEN.exec(this.text)
    if (found === null) this.fail()
    this.at = TOKEN.lastIndex
    return found[1] ?? found[2] ?? found[3] ?? found[4]!
  }

  private readValue(token: string): Json {
    if (token === '{') return this.nested(() => this.readObject())
    if (token === '[') return this.nested(() => this.readList())
    if (token.startsWith('"')) return this.readString(token)
    if (token === 'true' || token === 'false') return token === 'true'
    if (token === 'null') return null
    return /^[-\d]/.test(token) ? Decimal.parse(token)! : this.fail()
  }

  /** Refuses control characters, as JSON does. */
  private readString(token: string): string {
    try {
      return JSON.parse(token) as string
    } catch {
      return this.fail()
    }
  }

  private nested<Value>(read: () => Value): Value {
    if (++this.depth > DEPTH_MAX) throw new SqlError('54001', 'stack depth limit exceeded')
    const value = read()
    this.depth--
    return value
  }

  private readObject(): Map<string, Json> {
    const object = new Map<string, Json>()
    for (let token = this.next(); token !== '}';) {
      if (!token.startsWith('"') || this.next() !== ':') this.fail()
      object.set(this.readString(token), this.readValue(this.next()))
      const end = this.next()
      if (end === '}') break
      if (end !== ',') this.fail()
      token = this.next()
      if (token === '}') this.fail()
    }
    return object
  }

  private readList(): Json[] {
    const list: Json[] = []
    for (let token = this.next(); token !== ']'; token = this.next()) {
      list.push(this.readValue(token))
      const end = this.next()
      if (end === ']') break
      if (end !== ',') this.fail()
    }
    return list
  }

  private fail(): never {
    throw new SqlError('22P02', 'invalid input syntax for type json', {
      detail: `Token "${this.text.slice(this.at).trim().slice(0, 20)}" is invalid.`,
    })
  }
}

/** Throws 22P02. */
export function readJson(text: string): Json {
  return new JsonReader(text).read()
}

const encoder = new TextEncoder()

function compareKeys(a: string, b: string): number {
  const [one, two] = [encoder.encode(a), encoder.encode(b)]
  if (one.length !== two.length) return one.length - two.length
  const at = one.findIndex((byte, index) => byte !== two[index])
  return at < 0 ? 0 : one[at]! - two[at]!
}

/** As jsonb prints: `{"a": 1, "b": [2, 3]}`. */
export function printJson(value: Json): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Decimal) return value.toString()
  if (Array.isArray(value)) return `[${value.map(printJson).join(', ')}]`
  const members = entriesOf(value as ReadonlyMap<string, Json>)
  return `{${members.map(([key, one]) => `${JSON.stringify(key)}: ${printJson(one)}`).join(', ')}}`
}

/** Members in the order of jsonb. */
export const entriesOf = (table: ReadonlyMap<string, Json>): [string, Json][] =>
  [...table].toSorted(([a], [b]) => compareKeys(a, b))
