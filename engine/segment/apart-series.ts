// What is known of the series of a part: whether one shares no time with parts that are older. Found out
// when a query first needs it (query/apartness.ts), it holds for good: what is older than a part only
// shrinks, since a merge takes the sequence of its newest input and no flush comes late. An older
// version of the parts may still hold rows that are gone from later ones, so what later ones have shown
// says nothing of it.

const UNKNOWN = 0
const APART = 1
const MIXED = 2
/** Series of a byte. */
const PER_BYTE = 4

export class ApartSeries {
  private bits = new Uint8Array(0)
  /** The newest part version that something was found out in. */
  private newest = 0

  /** Whether series `index` is apart from older parts, as seen from a part version; null: not known. */
  get(index: number, version: number): boolean | null {
    if (version < this.newest) return null
    const state = ((this.bits[Math.floor(index / PER_BYTE)] ?? 0) >>> this.shift(index)) & 3
    return state === UNKNOWN ? null : state === APART
  }

  /** Notes what was found in a part version; of an old one nothing. */
  set(index: number, version: number, isApart: boolean): void {
    if (version < this.newest) return
    this.newest = version
    const at = Math.floor(index / PER_BYTE)
    if (at >= this.bits.length) {
      const grown = new Uint8Array(Math.max(at + 1, this.bits.length * 2))
      grown.set(this.bits)
      this.bits = grown
    }
    const shift = this.shift(index)
    this.bits[at] = (this.bits[at]! & ~(3 << shift)) | ((isApart ? APART : MIXED) << shift)
  }

  private shift(index: number): number {
    return (index % PER_BYTE) * 2
  }
}
