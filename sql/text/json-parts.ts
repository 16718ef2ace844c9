// The outermost parts of a JSON text as they are written: type json keeps spaces, the order of keys and
// keys that come twice. The text is known to be JSON.

/** Members by their keys in their order, or elements; a scalar has neither. */
export type JsonParts =
  | { readonly kind: 'object'; readonly members: readonly (readonly [key: string, text: string])[] }
  | { readonly kind: 'array'; readonly elements: readonly string[] }
  | { readonly kind: 'scalar'; readonly text: string }

const STRING = /"(?:[^"\\]|\\.)*"/y

function stringEnd(text: string, at: number): number {
  STRING.lastIndex = at
  STRING.test(text)
  return STRING.lastIndex
}

/** Where a value that begins at `at` ends: before the comma or the bracket behind it. */
function valueEnd(text: string, at: number): number {
  let depth = 0
  for (let end = at; end < text.length; end++) {
    const sign = text[end]!
    if (sign === '"') end = stringEnd(text, end) - 1
    else if (sign === '{' || sign === '[') depth++
    else if (depth === 0 && (sign === ',' || sign === ']' || sign === '}')) return end
    else if (sign === '}' || sign === ']') depth--
  }
  return text.length
}

/** Pieces between the brackets; a key ends with its colon. */
function* pieces(text: string, hasKeys: boolean): Iterable<readonly [key: string, text: string]> {
  for (let at = 1; at < text.length;) {
    let key = ''
    if (hasKeys) {
      const start = text.indexOf('"', at)
      if (start < 0) return
      const end = stringEnd(text, start)
      key = JSON.parse(text.slice(start, end)) as string
      at = text.indexOf(':', end) + 1
    }
    const end = valueEnd(text, at)
    const own = text.slice(at, end).trim()
    if (own === '') return
    yield [key, own]
    at = end + 1
  }
}

export function jsonParts(text: string): JsonParts {
  const own = text.trim()
  if (own.startsWith('{')) return { kind: 'object', members: [...pieces(own, true)] }
  if (own.startsWith('[')) {
    return { kind: 'array', elements: Array.from(pieces(own, false), ([, piece]) => piece) }
  }
  return { kind: 'scalar', text: own }
}

/** A value as text: strings without their quotes, null is null, others as they are written. */
export function jsonText(text: string): string | null {
  const own = text.trim()
  if (own === 'null') return null
  return own.startsWith('"') ? (JSON.parse(own) as string) : text
}

/** A member by its key (the last of equal ones), an element by its index; null: there is none. */
export function partOf(text: string, step: string | number): string | null {
  const parts = jsonParts(text)
  if (parts.kind === 'object') {
    return parts.members.findLast(([key]) => key === step)?.[1] ?? null
  }
  if (parts.kind === 'scalar' || typeof step !== 'number') return null
  return parts.elements.at(step) ?? null
}

/** Along a path, whose steps into arrays are numbers; null: it leads nowhere. */
export function partAt(text: string, path: readonly (string | null)[]): string | null {
  // PostgreSQL keeps spaces before a scalar alone.
  if (path.length === 0) return /^\s*[[{]/.test(text) ? text.trim() : text.trimEnd()
  let own: string | null = text
  for (const step of path) {
    if (own === null || step === null) return null
    const isIndex = /^\s*[-+]?\d+$/.test(step) && /^\s*\[/.test(own)
    own = partOf(own, isIndex ? Number(step) : step)
  }
  return own
}
