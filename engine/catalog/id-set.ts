// A set of dense ids, one bit each: a million take 128 KiB, where a Set takes 40 MB.

export class IdSet {
  private words = new Uint32Array(64)

  has(id: number): boolean {
    return ((this.words[id >>> 5] ?? 0) & (1 << (id & 31))) !== 0
  }

  add(id: number): void {
    const word = id >>> 5
    if (word >= this.words.length) {
      const wider = new Uint32Array(Math.max(word + 1, this.words.length * 2))
      wider.set(this.words)
      this.words = wider
    }
    this.words[word]! |= 1 << (id & 31)
  }
}
