// JSON text of what JavaScript has and JSON has not: -0 keeps its sign, which is a bit of the float that
// the database stores and answers; a bigint is its digits; a typed array is an array.

/** Stands for -0 until the text is whole, and its JSON; no text that OmenDB stores has a NUL. */
const MARK = '\0-0'
const MARK_TEXT = '"\\u0000-0"'

/** As JSON.stringify. */
export function encodeJson(value: unknown): string {
  const text = JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member === 'bigint') return String(member)
    if (ArrayBuffer.isView(member)) return Array.from(member as unknown as ArrayLike<unknown>)
    return Object.is(member, -0) ? MARK : member
  })
  return text.replaceAll(MARK_TEXT, '-0')
}
