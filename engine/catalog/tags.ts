// The one order of series and groups, and of names: bytes of UTF-8. Answers, ties in time and
// cursors go by it.

/** Below zero if `a` comes first. UTF-8 order is code point order; UTF-16 order is not. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return codePointRank(x) - codePointRank(y)
  }
  return a.length - b.length
}

/** Surrogates stand for what lies above all other units. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** (key, value) pairs, keys ascending by compareText; null values count as absent. */
export type Tags = Iterable<readonly [string, string | null]>

/**
 * Pairs without nulls, compared one by one, key before value; a prefix comes first. Both sides must
 * have ascending keys, as AnswerSeries has them. Zero only for equal tags.
 */
export function compareTags(a: Tags, b: Tags): number {
  return comparePairs(presentTags(a), presentTags(b))
}

/** The same of what presentTags gives, for those who compare often. */
export function comparePairs(left: readonly TagPair[], right: readonly TagPair[]): number {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const [leftKey, leftValue] = left[i]!
    const [rightKey, rightValue] = right[i]!
    const order = compareText(leftKey, rightKey) || compareText(leftValue, rightValue)
    if (order !== 0) return order
  }
  return left.length - right.length
}

export type TagPair = readonly [string, string]

/** Without absent tags, in the order given. */
export function presentTags(tags: Tags): TagPair[] {
  const present: TagPair[] = []
  for (const [key, value] of tags) if (value !== null) present.push([key, value])
  return present
}
