// The order of texts: by their bytes in UTF-8 (collation C).

/** As their UTF-8 bytes compare: surrogates stand above all other units. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [one, two] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (one === two) continue
    const isLow = (unit: number): boolean => unit < 0xd800 || unit > 0xdfff
    if (one > 0xd7ff && two > 0xd7ff && isLow(one) !== isLow(two)) return isLow(one) ? -1 : 1
    return one - two
  }
  return a.length - b.length
}
