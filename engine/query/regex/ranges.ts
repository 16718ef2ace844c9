// Sets of code points as ascending ranges that do not touch, which is how classes of a regular expression
// are kept; and the code points that differ in case alone.

export type Range = readonly [first: number, last: number]
export type Ranges = readonly Range[]

export const CODE_POINT_MAX = 0x10ffff

/** Sorted and joined. */
export function unionOf(ranges: Ranges): Ranges {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0])
  const joined: [number, number][] = []
  for (const [first, last] of sorted) {
    const before = joined.at(-1)
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else joined.push([first, last])
  }
  return joined
}

/** All others; of a union. */
export function complementOf(ranges: Ranges): Ranges {
  const found: Range[] = []
  let next = 0
  for (const [first, last] of ranges) {
    if (first > next) found.push([next, first - 1])
    next = last + 1
  }
  if (next <= CODE_POINT_MAX) found.push([next, CODE_POINT_MAX])
  return found
}

/** With those that differ from one of them in case alone; of a union. */
export function withCases(ranges: Ranges): Ranges {
  const added: Range[] = []
  for (const group of caseGroups()) {
    if (!group.some((point) => contains(ranges, point))) continue
    for (const point of group) added.push([point, point])
  }
  return unionOf([...ranges, ...added])
}

function contains(ranges: Ranges, point: number): boolean {
  return ranges.some(([first, last]) => point >= first && point <= last)
}

/** No letter above it has another case. */
const CASED_MAX = 0x1e943

let groups: readonly (readonly number[])[] | null = null

/** Code points that are one but for case. Made when they are first asked for: some milliseconds. */
function caseGroups(): readonly (readonly number[])[] {
  if (groups !== null) return groups
  const found = new Map<number, number[]>()
  for (let point = 0x41; point <= CASED_MAX; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue
    const text = String.fromCodePoint(point)
    const key = onePoint(onePoint(text, text.toUpperCase()), null)
    const group = found.get(key.codePointAt(0)!)
    if (group === undefined) found.set(key.codePointAt(0)!, [point])
    else group.push(point)
  }
  groups = [...found.values()].filter((group) => group.length > 1)
  return groups
}

/** The other case if it is one code point (null: lower case), else the text as it is. */
function onePoint(text: string, other: string | null): string {
  const changed = other ?? text.toLowerCase()
  return changed.length === (changed.codePointAt(0)! > 0xffff ? 2 : 1) ? changed : text
}
