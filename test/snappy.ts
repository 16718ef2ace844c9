// An encoder of Snappy's block format for tests, written from its description alone: greedy matches in a
// hash of four bytes, or elements that a test picks itself.

/** A literal, in the shortest form. */
export function literal(bytes: Uint8Array | string): Uint8Array {
  const text = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
  const size = text.length - 1
  if (size < 60) return Uint8Array.of(size << 2, ...text)
  const length: number[] = []
  for (let rest = size; rest > 0; rest >>>= 8) length.push(rest & 255)
  const head = Uint8Array.of((59 + length.length) << 2, ...length)
  return join([head, text])
}

/** A copy with an offset of 1, 2 or 4 bytes. */
export function copy(kind: 1 | 2 | 4, offset: number, length: number): Uint8Array {
  if (kind === 1) {
    return Uint8Array.of(1 | ((length - 4) << 2) | ((offset >> 8) << 5), offset & 255)
  }
  const tag = (kind === 2 ? 2 : 3) | ((length - 1) << 2)
  const bytes = Array.from({ length: kind }, (_, i) => (offset >>> (8 * i)) & 255)
  return Uint8Array.of(tag, ...bytes)
}

/** A block of these elements that says it inflates to so many bytes. */
export function block(size: number, ...elements: Uint8Array[]): Uint8Array {
  const head: number[] = []
  let rest = size
  for (; rest > 127; rest = Math.floor(rest / 128)) head.push((rest % 128) | 128)
  return join([Uint8Array.from([...head, rest]), ...elements])
}

/** A block that inflates to these bytes. */
export function compress(bytes: Uint8Array): Uint8Array {
  const elements: Uint8Array[] = []
  const seen = new Map<number, number>()
  let from = 0
  const wordAt = (i: number): number =>
    bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
  for (let at = 0; at + 4 <= bytes.length;) {
    const word = wordAt(at)
    const match = seen.get(word)
    seen.set(word, at)
    if (match === undefined) {
      at++
      continue
    }
    let length = 4
    while (
      length < 64 &&
      at + length < bytes.length &&
      bytes[match + length] === bytes[at + length]
    )
      length++
    if (at > from) elements.push(literal(bytes.subarray(from, at)))
    const offset = at - match
    const isNear = offset < 2048 && length < 12
    elements.push(copy(isNear ? 1 : offset < 65_536 ? 2 : 4, offset, length))
    at += length
    from = at
  }
  if (from < bytes.length) elements.push(literal(bytes.subarray(from)))
  return join([block(bytes.length), join(elements)])
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((size, { length }) => size + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
