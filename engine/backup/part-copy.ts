// Copies intact parts out of a file that is damaged elsewhere into a new segment file. A part keeps its
// bytes; its footer alone is written anew, because that carries the number of the file.

import { crc32c } from '../crc.ts'
import type { Host } from '../host.ts'
import { fileName } from '../log/file-name.ts'
import type { FileDescription } from '../log/manifest.ts'
import { decodeFooter, encodeFooter, encodeSegmentHeader } from '../segment/footer.ts'
import type { PartDescription } from '../segment/part.ts'
import { readWaiting } from '../storage/storage.ts'

const CHUNK_SIZE = 1 << 20

/** Writes `segment-<number>` with these parts, of one file; durable when it resolves. */
export async function copyParts(
  host: Host,
  number: number,
  parts: readonly PartDescription[],
): Promise<{ file: FileDescription; parts: PartDescription[] }> {
  const { storage } = host
  const name = fileName('segment', number)
  let size = 0
  let checksum = 0
  const append = (bytes: Uint8Array): void => {
    storage.append(name, [bytes])
    checksum = crc32c(bytes, checksum)
    size += bytes.length
  }
  storage.create(name)
  append(encodeSegmentHeader(number))
  const copies: PartDescription[] = []
  for (const part of parts) {
    const source = fileName('segment', part.file)
    const offset = size
    const bodySize = part.size - part.footerSize
    for (let at = 0; at < bodySize; at += CHUNK_SIZE) {
      const length = Math.min(CHUNK_SIZE, bodySize - at)
      append(await readWaiting(storage, source, part.offset + at, length))
      await host.pause()
    }
    const footer = await readWaiting(storage, source, part.offset + bodySize, part.footerSize)
    append(encodeFooter(number, decodeFooter(footer, part.file, bodySize)))
    copies.push({ ...part, file: number, offset })
  }
  await storage.sync(name)
  await storage.syncDirectory()
  return { file: { number, size, checksum }, parts: copies }
}
