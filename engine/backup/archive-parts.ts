// Archives one behind the other, cut apart as they arrive. A database in several shards is backed up as
// one full archive of each, whose first entries say which part they are.

import { OmenError } from '../error.ts'
import { BACKUP_ENTRY, type BackupDescription } from './backup.ts'
import type { ByteReader } from './byte-reader.ts'
import { TAR_BLOCK, decodeTarHeader, tarPadding } from './tar.ts'

/** More than any first entry has. */
const DESCRIPTION_SIZE_MAX = 65_536

/** The beginning of an archive that was read already, and what it says. */
interface Head {
  readonly bytes: readonly Uint8Array[]
  /** Null: it is none, or not one that can be read. */
  readonly description: Partial<BackupDescription> | null
}

export class ArchiveParts {
  private readonly reader: ByteReader
  private head: Head | null = null

  constructor(reader: ByteReader) {
    this.reader = reader
  }

  /** What the next archive says of itself; null: nothing that can be read. */
  async description(): Promise<Partial<BackupDescription> | null> {
    this.head ??= await this.readHead()
    return this.head.description
  }

  /** All that is left, as it came. */
  async *rest(): AsyncGenerator<Uint8Array> {
    yield* this.takeHead()
    while (!(await this.reader.isAtEnd())) yield await this.reader.some(2 ** 30)
  }

  /** The next archive, up to the zeros that end it; what is behind them is skipped. */
  async *part(): AsyncGenerator<Uint8Array> {
    await this.description()
    yield* this.takeHead()
    const { reader } = this
    for (;;) {
      const header = await reader.exactly(TAR_BLOCK)
      yield header
      const entry = decodeTarHeader(header)
      if (entry === null) break
      for (let left = entry.size + tarPadding(entry.size); left > 0;) {
        const piece = await reader.some(left)
        yield piece
        left -= piece.length
      }
    }
    yield await reader.exactly(TAR_BLOCK)
    await skipZeros(reader)
  }

  private *takeHead(): Generator<Uint8Array> {
    const bytes = this.head?.bytes ?? []
    this.head = null
    yield* bytes
  }

  private async readHead(): Promise<Head> {
    const { reader } = this
    const header = await reader.exactly(TAR_BLOCK)
    let entry
    try {
      entry = decodeTarHeader(header)
    } catch {
      // Who reads it says what is wrong with it.
    }
    if (entry?.name !== BACKUP_ENTRY || entry.size > DESCRIPTION_SIZE_MAX) {
      return { bytes: [header], description: null }
    }
    const content = await reader.exactly(entry.size)
    return {
      bytes: [header, content, await reader.exactly(tarPadding(entry.size))],
      description: parse(content),
    }
  }
}

function parse(content: Uint8Array): Partial<BackupDescription> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(content))
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

/** Skips the zeros behind an archive; whether another one follows. */
export async function skipZeros(reader: ByteReader): Promise<boolean> {
  while (!(await reader.isAtEnd())) {
    // GNU tar fills an archive up to 10 KiB; a header never starts with a zero.
    const bytes = await reader.peek()
    const used = bytes.findIndex((byte) => byte !== 0)
    if (used !== 0) await reader.some(used < 0 ? bytes.length : used)
    if (used >= 0) return true
  }
  return false
}

/** Throws `bad_request` unless an archive is the part that is expected. */
export function checkPart(
  found: Partial<BackupDescription> | null,
  index: number,
  first: BackupDescription['part'],
): void {
  const part = found?.part
  const isNext = part?.index === index && part.count === first?.count && part.of === first?.of
  if (isNext) return
  const what = part === undefined ? 'no part of it' : `part ${part.index} of ${part.count}`
  const message = `backup: part ${index} of ${first?.count} is expected, but there is ${what}`
  throw new OmenError('bad_request', message)
}
