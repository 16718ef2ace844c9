// Which file of the pool has which name: a small file that exists twice. A change goes, whole, to the
// copy that is older, so that a torn write leaves the other; the valid one with the higher sequence is
// in force. docs/format.md, "In the browser".

import { crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'
import type { SyncHandle } from './opfs-handle.ts'

/** Name → number of the file in the pool. */
export type NameMap = ReadonlyMap<string, number>

const MAGIC = 0x50_4d_4d_4f // "OMMP"
const VERSION = 1
const HEADER = 24
/** Copies grow in steps, so that a change rarely needs quota. */
const STEP = 4096

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

interface Copy {
  readonly sequence: bigint
  readonly names: NameMap
}

/** The bytes of one copy, padded with zeros to a multiple of 4 KiB. */
export function encodeNameMap({ sequence, names }: Copy): Uint8Array {
  const entries = [...names].map(([name, number]) => ({ bytes: encoder.encode(name), number }))
  const size = entries.reduce((sum, { bytes }) => sum + 6 + bytes.length, HEADER)
  const target = new Uint8Array(Math.ceil(size / STEP) * STEP)
  const view = new DataView(target.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, VERSION, true)
  view.setBigUint64(8, sequence, true)
  view.setUint32(16, size - HEADER, true)
  let offset = HEADER
  for (const { bytes, number } of entries) {
    view.setUint32(offset, number, true)
    view.setUint16(offset + 4, bytes.length, true)
    target.set(bytes, offset + 6)
    offset += 6 + bytes.length
  }
  view.setUint32(20, checksumOf(target.subarray(0, size)), true)
  return target
}

/** Null: not a whole copy. Throws `unsupported` for one of a newer version. */
export function decodeNameMap(bytes: Uint8Array): Copy | null {
  if (bytes.length < HEADER) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = HEADER + view.getUint32(16, true)
  if (view.getUint32(0, true) !== MAGIC || size > bytes.length) return null
  if (view.getUint32(20, true) !== checksumOf(bytes.subarray(0, size))) return null
  const version = view.getUint32(4, true)
  if (version !== VERSION) {
    throw new OmenError('unsupported', `directory map: version ${version}, this knows ${VERSION}`)
  }
  const names = new Map<string, number>()
  for (let offset = HEADER; offset < size;) {
    const length = view.getUint16(offset + 4, true)
    const name = decoder.decode(bytes.subarray(offset + 6, offset + 6 + length))
    names.set(name, view.getUint32(offset, true))
    offset += 6 + length
  }
  return { sequence: view.getBigUint64(8, true), names }
}

/** Over everything but the checksum itself. */
function checksumOf(bytes: Uint8Array): number {
  return crc32c(bytes.subarray(HEADER), crc32c(bytes.subarray(0, 20)))
}

/** The two copies on their handles. */
export class MapFile {
  private readonly handles: readonly SyncHandle[]
  /** Of the copy in force. */
  private sequence = 0n
  private current: 0 | 1 = 1

  /** `handles`: two. */
  constructor(handles: readonly SyncHandle[]) {
    this.handles = handles
  }

  /**
   * The names in force; empty in a place that was never opened, which then has both copies. Throws
   * `corrupt` if there were names and none of the copies is whole.
   */
  load(location: string): NameMap {
    const copies = this.handles.map((handle) => {
      const bytes = new Uint8Array(handle.getSize())
      return decodeNameMap(bytes.subarray(0, readFully(handle, bytes)))
    })
    const [first = null, second = null] = copies
    const found = first && second ? newer(first, second) : (first ?? second)
    if (found) {
      this.sequence = found.sequence
      this.current = found === first ? 0 : 1
      // A worker that was killed may have written it without a flush.
      this.handles[this.current]!.flush()
      // The other one may be torn: from now on both are whole, and damage to one is only that.
      if (copies.includes(null)) this.repair(found.names)
      return found.names
    }
    // Both copies are written before a first name: as long as one is empty, there never was one.
    if (this.handles.every((handle) => handle.getSize() > 0)) {
      throw new OmenError('corrupt', `${location}: both copies of its directory map are damaged`)
    }
    this.save(new Map())
    this.save(new Map())
    return new Map()
  }

  /** Puts these names in force; durable when it returns. After a throw either map may be in force. */
  save(names: NameMap): void {
    const next = this.current === 0 ? 1 : 0
    const handle = this.handles[next]!
    const bytes = encodeNameMap({ sequence: this.sequence + 1n, names })
    // A smaller map needs no room; what is behind it is not read.
    writeFully(handle, bytes, 0)
    handle.flush()
    this.sequence++
    this.current = next
  }

  /** What fails here is done by the next change. */
  private repair(names: NameMap): void {
    try {
      this.save(names)
    } catch {}
  }

  close(): void {
    for (const handle of this.handles) handle.close()
  }
}

function newer(a: Copy, b: Copy): Copy {
  return a.sequence > b.sequence ? a : b
}

/** Writes all of it, however little one call takes. */
export function writeFully(handle: SyncHandle, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) {
    const count = handle.write(bytes.subarray(done), { at: at + done })
    assert(count > 0, 'a write takes a byte or throws')
    done += count
  }
}

function readFully(handle: SyncHandle, target: Uint8Array): number {
  let count = 0
  while (count < target.length) {
    const got = handle.read(target.subarray(count), { at: count })
    if (got === 0) break
    count += got
  }
  return count
}
