// JSON text of what JavaScript has and JSON has not: -0 keeps its sign, which is a bit of the float that
// the database stores and answers; a bigint is its digits; a typed array is an array.

/** Stands for -0 until the text is whole; no text that OmenDB stores has a NUL. */
const MARK = '\u0000-0'

/** As JSON.stringify. */
export function encodeJson(value: unknown): string {
  let isMarked = false
  const text = JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member === 'bigint') return member.toString()
    if (ArrayBuffer.isView(member)) return Array.from(member as unknown as ArrayLike<unknown>)
    if (!Object.is(member, -0)) return member
    isMarked = true
    return MARK
  })
  return isMarked ? text.replaceAll(JSON.stringify(MARK), '-0') : text
}
