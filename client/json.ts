// JSON text that keeps -0. JSON.stringify writes 0 for it, but the sign is a bit of the float that
// the database stores and answers.

/** Stands for -0 until the text is whole; no text that OmenDB stores has a NUL. */
const MARK = '\u0000-0'

/** As JSON.stringify with a replacer, but for -0. */
export function encodeJson(value: unknown, replace = (member: unknown) => member): string {
  let isMarked = false
  const text = JSON.stringify(value, (_name, member: unknown) => {
    const replaced = replace(member)
    if (!Object.is(replaced, -0)) return replaced
    isMarked = true
    return MARK
  })
  return isMarked ? text.replaceAll(JSON.stringify(MARK), '-0') : text
}
