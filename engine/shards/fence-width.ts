// How far apart the times are that a fence may have. A bucket of a rollup in which a fence lies is kept in
// two parts, by the shards on both sides, and is two rows of the rollup's own table; so a fence lies
// between buckets where that does not put the split off for long.

/** Fences keep to wider buckets than this only by chance: until the fence comes, nobody is relieved. */
export const ALIGN_NS_MAX = 3_600_000_000_000n

/**
 * The least multiple of `widthNs` and of the widths of as many rollups as it can be without exceeding an
 * hour, the widest first. Nanoseconds. Rollups whose buckets do not begin at multiples of their width
 * have no say.
 */
export function alignedWidth(
  widthNs: bigint,
  rollups: readonly { readonly width: bigint; readonly origin: bigint }[],
): bigint {
  const widths = rollups
    .filter(({ width, origin }) => origin % width === 0n)
    .map(({ width }) => width)
    .sort((a, b) => (a > b ? -1 : Number(a < b)))
  return widths.reduce((aligned, width) => {
    const both = (aligned / greatestDivisor(aligned, width)) * width
    return both <= ALIGN_NS_MAX ? both : aligned
  }, widthNs)
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestDivisor(b, a % b)
}
