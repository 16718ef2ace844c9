// Values of DataRow that are written without bigints and strings: the same as PostgreSQL's formats have
// it, worked out with bigints.

import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { binaryEncoder } from '../../server/postgres/encode-binary.ts'
import { textEncoder, type ValueEncoder } from '../../server/postgres/encode-text.ts'
import { MessageWriter } from '../../server/postgres/message-writer.ts'
import { typeOf } from '../../sql/type.ts'
import { SqlRecord } from '../../sql/value.ts'
import { printerOf } from '../../sql/value-text.ts'
import { randomOf, seedsOf } from '../random.ts'

const EPOCH = 946_684_800_000_000n

/** What one value becomes, its length first. */
function encoded(encode: ValueEncoder, values: BigInt64Array | Float64Array, row: number): Buffer {
  const out = new MessageWriter(new Socket())
  encode(out, { values, valid: null }, row)
  return Buffer.from(out.bytes.subarray(0, out.offset))
}

/** Eight bytes behind their length. */
function eight(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeInt32BE(8)
  write(bytes)
  return bytes
}

const floor = (value: bigint): bigint => value / 1000n - (value % 1000n < 0n ? 1n : 0n)

const EDGES = [
  ...[0n, 1n, -1n, 999n, 1000n, -999n, -1000n, -1001n, 2n ** 32n, -(2n ** 32n), 2n ** 31n],
  ...[2n ** 62n - 1n, 2n ** 62n, -(2n ** 62n), 2n ** 63n - 2n, 2n - 2n ** 63n],
  ...[1_790_000_000_000_000_000n, 1_790_000_000_123_456_000n, 946_684_800_000_000_000n],
  ...[-86_400_000_000_000n, -1_000_000n, 253_402_300n * 10n ** 9n],
]

test.each(seedsOf(3))('seed %i: times and integers in binary and text', (seed) => {
  const random = randomOf(seed)
  const some = Array.from({ length: 200 }, () => {
    const word = (): bigint => BigInt(random.int(2 ** 32))
    const value = BigInt.asIntN(random.pick([20, 40, 55, 62, 64]), (word() << 32n) | word())
    return random.chance(0.5) ? value - (value % 1000n) : value
  })
  const values = BigInt64Array.from([...EDGES, ...some])
  const [int8, time] = [typeOf('int8'), typeOf('timestamptz')]
  const print = printerOf(time, { timeZone: 'UTC' })
  for (const [row, value] of values.entries()) {
    const integer = eight((bytes) => bytes.writeBigInt64BE(value, 4))
    expect(encoded(binaryEncoder(int8), values, row), `${value}`).toEqual(integer)
    const micros = eight((bytes) => bytes.writeBigInt64BE(floor(value) - EPOCH, 4))
    expect(encoded(binaryEncoder(time), values, row), `${value}`).toEqual(micros)
    const text = encoded(textEncoder(time, { timeZone: 'UTC' }), values, row)
      .subarray(4)
      .toString()
    expect(text, `${value}`).toBe(print(value))
  }
})

test('floats in binary', () => {
  const values = Float64Array.of(0, -0, 1.5, -1e300, 5e-324, Infinity, -Infinity, NaN, Math.PI)
  for (const [row, value] of values.entries()) {
    const expected = eight((bytes) => bytes.writeDoubleBE(value, 4))
    expect(encoded(binaryEncoder(typeOf('float8')), values, row), `${value}`).toEqual(expected)
  }
})

test('a row in binary is its columns with their types', () => {
  const fields = [
    { name: 'f1', type: typeOf('int4') },
    { name: 'f2', type: typeOf('text') },
    { name: 'f3', type: typeOf('bool') },
  ]
  const type = { ...typeOf('record'), fields }
  const out = new MessageWriter(new Socket())
  const values = [new SqlRecord(type, [7, 'é', null])]
  binaryEncoder(type)(out, { values, valid: null }, 0)
  // What record_send(ROW(7, 'é'::text, NULL::bool)) of PostgreSQL 15 gives, its length first.
  const hex = '000000030000001700000004000000070000001900000002c3a900000010ffffffff'
  const length = Buffer.alloc(4)
  length.writeInt32BE(hex.length / 2)
  const expected = Buffer.concat([length, Buffer.from(hex, 'hex')])
  expect(out.bytes.subarray(0, out.offset).toString('hex')).toBe(expected.toString('hex'))
})
