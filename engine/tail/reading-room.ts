// How much of the kernel's memory tails may take to read batches, all together: each needs a copy of the
// batch there, and hundreds of tails wake for the same one.

/** Lets in whoever asked first, while bytes are left. */
export class ReadingRoom {
  private readonly bytesMax: number
  private bytes = 0
  private readonly waiting: { readonly bytes: number; readonly enter: () => void }[] = []

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Runs `read`, which takes `bytes`, once they are free; more than there are, alone. */
  async read<T>(bytes: number, read: () => Promise<T>): Promise<T> {
    if (this.waiting.length > 0 || !this.fits(bytes)) {
      await new Promise<void>((enter) => this.waiting.push({ bytes, enter }))
    } else this.bytes += bytes
    try {
      return await read()
    } finally {
      this.bytes -= bytes
      this.letIn()
    }
  }

  private fits(bytes: number): boolean {
    return this.bytes === 0 || this.bytes + bytes <= this.bytesMax
  }

  private letIn(): void {
    while (this.waiting.length > 0 && this.fits(this.waiting[0]!.bytes)) {
      const { bytes, enter } = this.waiting.shift()!
      this.bytes += bytes
      enter()
    }
  }
}
