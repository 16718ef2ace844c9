// Line protocol once more, naively: one character at a time, regular expressions for values,
// strings and Maps. It decides what is right for random lines; it knows nothing of the catalog.

export type Value = number | bigint | boolean | string

export interface Line {
  table: string
  tags: Record<string, string>
  fields: Record<string, { type: string; value: Value }>
  time: bigint | null
}

class Malformed extends Error {}

/** Points of a text without quoted newlines, in order; null for a malformed line. */
export function parseLines(text: string): (Line | null)[] {
  const lines: (Line | null)[] = []
  for (const raw of text.split('\n')) {
    const line = raw.replace(/\r$/, '').replace(/^[ \t]+/, '')
    if (line === '' || line.startsWith('#')) continue
    try {
      lines.push(parseLine(line))
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      lines.push(null)
    }
  }
  return lines
}

function parseLine(line: string): Line {
  let at = 0
  const fail = (): never => {
    throw new Malformed()
  }
  const word = (stops: string): string => {
    let text = ''
    while (at < line.length && !stops.includes(line[at]!)) {
      if (line[at] === '\\' && ',= '.includes(line[at + 1] ?? 'x')) at++
      text += line[at++]
    }
    return text
  }
  const table = word(', ') || fail()
  checkName(table, fail)
  const tags: Record<string, string> = {}
  const seen = new Set<string>()
  while (line[at] === ',') {
    at++
    const key = word(',= ') || fail()
    if (line[at] !== '=' || seen.has(key)) fail()
    seen.add(key)
    at++
    const value = word(',= ')
    if (line[at] === '=' || value.includes('\0')) fail()
    if (value !== '') {
      checkName(key, fail)
      if (key === 'time') fail()
      tags[key] = value
    }
  }
  if (line[at] !== ' ') fail()
  while (' \t'.includes(line[at] ?? 'x')) at++
  const fields: Line['fields'] = {}
  for (;;) {
    const key = word(',= ') || fail()
    if (line[at] !== '=') fail()
    checkName(key, fail)
    if (key === 'time') fail()
    at++
    const { type, value, length } = parseValue(line.slice(at)) ?? fail()
    fields[key] = { type, value }
    at += length
    if (line[at] !== ',') break
    at++
  }
  const rest = /^(?:[ \t]+(-?\d+)?[ \t]*)?$/.exec(line.slice(at)) ?? fail()
  if (at < line.length && line[at] !== ' ') fail()
  const time = rest[1] === undefined ? null : BigInt(rest[1])
  if (time !== null && (time < -(2n ** 63n) + 2n || time > 2n ** 63n - 2n)) fail()
  return { table, tags, fields, time }
}

function checkName(name: string, fail: () => never): void {
  // oxlint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f-\x9f]/.test(name)) fail()
}

function parseValue(text: string): { type: string; value: Value; length: number } | null {
  const quoted = /^"((?:\\[\\"]|[^"])*)"/.exec(text)
  if (text.startsWith('"')) {
    if (quoted === null || quoted[1]!.includes('\0')) return null
    return {
      type: 'string',
      value: quoted[1]!.replaceAll(/\\([\\"])/g, '$1'),
      length: quoted[0].length,
    }
  }
  const token = /^[^, ]*/.exec(text)![0]
  const { length } = token
  if (/^(t|T|true|True|TRUE)$/.test(token)) return { type: 'boolean', value: true, length }
  if (/^(f|F|false|False|FALSE)$/.test(token)) return { type: 'boolean', value: false, length }
  if (/^-?\d+i$/.test(token)) {
    const value = BigInt(token.slice(0, -1))
    return BigInt.asIntN(64, value) === value ? { type: 'integer', value, length } : null
  }
  if (/^-?\d+u$/.test(token)) {
    const value = BigInt(token.slice(0, -1))
    return BigInt.asUintN(64, value) === value ? { type: 'unsigned', value, length } : null
  }
  if (!/^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(token)) return null
  const value = Number(token)
  return Number.isFinite(value) ? { type: 'float', value, length } : null
}
