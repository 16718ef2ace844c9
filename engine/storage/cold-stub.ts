// The small files that a storage with a tier keeps beside its own (docs/format.md, "Cold segments"): a
// stub says where the bytes of a file are, with the first of them so that a start waits for nothing;
// a claim says whose objects are whose, so that nobody ever removes those of another owner or epoch.

import { crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'

/** Bytes of a file's beginning that its stub has. */
export const STUB_HEAD = 32
/**
 * Endings of stubs beside COLD: of a file that is on its way to its object, of one that is gone but for its
 * object, and of one that is kept for a person.
 */
export const GOING = '.cold.tmp'
export const GONE = '.gone'
export const KEPT = '.kept'
/** Ending of a claim that is half written. */
export const UNFINISHED = '.tmp'

/** Where the bytes of a file are. */
export interface Stub {
  readonly key: string
  readonly size: number
  /** crc32c of the whole file. */
  readonly checksum: number
  /** The first STUB_HEAD bytes, fewer if the file is shorter. */
  readonly head: Uint8Array
}

/** Of which objects a directory is the owner: those below `<prefix>/<owner>/`, up to its epoch. */
export interface Claim {
  /** 16 hexadecimal digits, random. */
  readonly owner: string
  readonly epoch: number
}

const STUB_MAGIC = 'OMENCLD\0'
const CLAIM_MAGIC = 'OMENTIR\0'
const VERSION = 0
const STUB_FIXED = 64
const CLAIM_SIZE = 32
const CLAIM_NAME = /^tier-([1-9]\d{0,8})$/
const CLAIM_UNFINISHED = /^tier-[1-9]\d{0,8}\.tmp$/
const EPOCH_MAX = 999_999_999

/** `tier-3` */
export function claimName(epoch: number): string {
  assert(epoch >= 1 && epoch <= EPOCH_MAX, `tier epoch ${epoch}`)
  return `tier-${epoch}`
}

/** The epoch of a claim's name; null for other names. */
export function claimEpoch(name: string): number | null {
  const match = CLAIM_NAME.exec(name)
  return match === null ? null : Number(match[1])
}

/** Whether a name is one of these files, finished or not. */
export function isTierName(name: string): boolean {
  return (
    /\.(cold|cold\.tmp|gone|kept)$/.test(name) ||
    claimEpoch(name) !== null ||
    CLAIM_UNFINISHED.test(name)
  )
}

/** The bytes of a stub. */
export function encodeStub({ key, size, checksum, head }: Stub): Uint8Array {
  const name = new TextEncoder().encode(key)
  assert(head.length === Math.min(size, STUB_HEAD), `stub of ${size} bytes with ${head.length}`)
  const bytes = new Uint8Array(STUB_FIXED + name.length + 4)
  const view = begin(bytes, STUB_MAGIC)
  view.setUint16(10, name.length, true)
  view.setUint32(12, checksum, true)
  view.setBigUint64(16, BigInt(size), true)
  bytes.set(head, 32)
  bytes.set(name, STUB_FIXED)
  return end(bytes, view)
}

/** Throws `corrupt` or `unsupported` by the name of the file. */
export function decodeStub(bytes: Uint8Array, file: string): Stub {
  const view = check(bytes, file, STUB_MAGIC)
  const size = Number(view.getBigUint64(16, true))
  const isSound =
    bytes.length === STUB_FIXED + view.getUint16(10, true) + 4 && view.getBigUint64(24, true) === 0n
  if (!isSound) throw new OmenError('corrupt', `${file}: contradicts itself`)
  return {
    key: new TextDecoder().decode(bytes.subarray(STUB_FIXED, bytes.length - 4)),
    size,
    checksum: view.getUint32(12, true),
    head: bytes.slice(32, 32 + Math.min(size, STUB_HEAD)),
  }
}

/** The bytes of a claim. */
export function encodeClaim({ owner, epoch }: Claim): Uint8Array {
  const bytes = new Uint8Array(CLAIM_SIZE)
  const view = begin(bytes, CLAIM_MAGIC)
  view.setUint32(12, epoch, true)
  view.setBigUint64(16, BigInt(`0x${owner}`), true)
  return end(bytes, view)
}

/** Throws as `decodeStub`. */
export function decodeClaim(bytes: Uint8Array, file: string): Claim {
  const view = check(bytes, file, CLAIM_MAGIC)
  const epoch = view.getUint32(12, true)
  if (bytes.length !== CLAIM_SIZE || epoch !== claimEpoch(file)) {
    throw new OmenError('corrupt', `${file}: contradicts itself`)
  }
  return { epoch, owner: view.getBigUint64(16, true).toString(16).padStart(16, '0') }
}

function begin(bytes: Uint8Array, magic: string): DataView {
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < magic.length; i++) bytes[i] = magic.charCodeAt(i)
  view.setUint16(8, VERSION, true)
  return view
}

function end(bytes: Uint8Array, view: DataView): Uint8Array {
  view.setUint32(bytes.length - 4, crc32c(bytes.subarray(0, bytes.length - 4)), true)
  return bytes
}

function check(bytes: Uint8Array, file: string, magic: string): DataView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const hasMagic = [...magic].every((letter, i) => bytes[i] === letter.charCodeAt(0))
  if (bytes.length < CLAIM_SIZE || !hasMagic) {
    throw new OmenError('corrupt', `${file}: does not start as it should`)
  }
  const last = bytes.length - 4
  if (crc32c(bytes.subarray(0, last)) !== view.getUint32(last, true)) {
    throw new OmenError('corrupt', `${file}: fails its checksum`)
  }
  const version = view.getUint16(8, true)
  if (version === VERSION) return view
  const message = `${file}: has format version ${version}, this build reads up to ${VERSION}`
  throw new OmenError('unsupported', message)
}
