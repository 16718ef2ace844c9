// MD5, which names and checks but keeps no secret.
// Source: RFC 1321.

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
const CONSTANTS = Uint32Array.from({ length: 64 }, (_, i) => Math.abs(Math.sin(i + 1)) * 2 ** 32)

const rotated = (value: number, by: number): number => (value << by) | (value >>> (32 - by))

/** The message with its padding and its length in bits. */
function padded(bytes: Uint8Array): DataView {
  const size = ((bytes.length + 8) >> 6) * 64 + 64
  const all = new Uint8Array(size)
  all.set(bytes)
  all[bytes.length] = 0x80
  const view = new DataView(all.buffer)
  view.setBigUint64(size - 8, BigInt(bytes.length) * 8n, true)
  return view
}

function mixed(round: number, b: number, c: number, d: number): number {
  if (round === 0) return (b & c) | (~b & d)
  if (round === 1) return (d & b) | (~d & c)
  return round === 2 ? b ^ c ^ d : c ^ (b | ~d)
}

const STEPS = [
  [1, 0],
  [5, 1],
  [3, 5],
  [7, 0],
] as const

function addBlock(state: Int32Array, view: DataView, start: number): void {
  let [a, b, c, d] = state as unknown as [number, number, number, number]
  for (let i = 0; i < 64; i++) {
    const round = i >> 4
    const [factor, offset] = STEPS[round]!
    const word = view.getInt32(start + ((i * factor + offset) % 16) * 4, true)
    const sum = (a + mixed(round, b, c, d) + CONSTANTS[i]! + word) | 0
    const next = (b + rotated(sum, SHIFTS[round * 4 + (i % 4)]!)) | 0
    ;[a, d, c, b] = [d, c, b, next]
  }
  state[0]! += a
  state[1]! += b
  state[2]! += c
  state[3]! += d
}

/** The 16 bytes of its digest. */
export function md5(bytes: Uint8Array): Uint8Array {
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
  const view = padded(bytes)
  for (let at = 0; at < view.byteLength; at += 64) addBlock(state, view, at)
  const digest = new DataView(new ArrayBuffer(16))
  state.forEach((word, index) => digest.setInt32(index * 4, word, true))
  return new Uint8Array(digest.buffer)
}
