// The 32 bytes that logs, catalogs and manifests start with (docs/format.md, "File header"): what
// the file is, which number it has and which data directory it belongs to, so that a swapped, copied
// or foreign file is found before anything in it is believed.

import { crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'

export type HeaderKind = 'wal' | 'catalog' | 'manifest'

export const FILE_HEADER_SIZE = 32
/** 0 may change without migration until the first release. */
export const FORMAT_VERSION = 0

const MAGIC: Record<HeaderKind, string> = {
  wal: 'OMENWAL\0',
  catalog: 'OMENCAT\0',
  manifest: 'OMENMAN\0',
}

/** `number` is the file's (a manifest's generation), `identity` the data directory's, u64. */
export function encodeFileHeader(kind: HeaderKind, number: number, identity: bigint): Uint8Array {
  assert(Number.isInteger(number) && number >= 0 && number < 2 ** 32, `file number ${number}`)
  const bytes = new Uint8Array(FILE_HEADER_SIZE)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < 8; i++) bytes[i] = MAGIC[kind].charCodeAt(i)
  view.setUint16(8, FORMAT_VERSION, true)
  view.setUint32(12, number, true)
  view.setBigUint64(16, identity, true)
  view.setUint32(28, crc32c(bytes.subarray(0, 28)), true)
  return bytes
}

/**
 * Checks a header and returns what it says. `corrupt` when it is damaged or of another kind,
 * `unsupported` when a newer version wrote it.
 */
export function decodeFileHeader(
  bytes: Uint8Array,
  kind: HeaderKind,
  name: string,
): { number: number; identity: bigint } {
  if (bytes.length < FILE_HEADER_SIZE) {
    throw new OmenError('corrupt', `${name}: ends at ${bytes.length}, inside its header`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, FILE_HEADER_SIZE)
  for (let i = 0; i < 8; i++) {
    if (bytes[i] !== MAGIC[kind].charCodeAt(i)) {
      throw new OmenError('corrupt', `${name}: does not start as a ${kind} file does`)
    }
  }
  if (crc32c(bytes.subarray(0, 28)) !== view.getUint32(28, true)) {
    throw new OmenError('corrupt', `${name}: header fails its checksum`)
  }
  const version = view.getUint16(8, true)
  if (version !== FORMAT_VERSION) {
    throw new OmenError(
      'unsupported',
      `${name}: has format version ${version}, this build reads ${FORMAT_VERSION}`,
    )
  }
  if (view.getUint16(10, true) !== 0 || view.getUint32(24, true) !== 0) {
    throw new OmenError('corrupt', `${name}: reserved bytes of the header are not zero`)
  }
  return { number: view.getUint32(12, true), identity: view.getBigUint64(16, true) }
}

/** Decodes a header and checks that the file is the expected one of the expected directory. */
export function checkFileHeader(
  bytes: Uint8Array,
  kind: HeaderKind,
  name: string,
  expected: { number: number; identity: bigint },
): void {
  const { number, identity } = decodeFileHeader(bytes, kind, name)
  if (identity !== expected.identity) {
    throw new OmenError('corrupt', `${name}: belongs to another data directory`)
  }
  if (number !== expected.number) {
    throw new OmenError('corrupt', `${name}: is a copy of ${kind}-${number}`)
  }
}

/** What the checksums of a file's records start from: number and directory. */
export function fileSeed(header: Uint8Array): number {
  return crc32c(header.subarray(12, 24))
}
