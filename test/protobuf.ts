// Protocol Buffers for tests, written from the description of the encoding alone: a message is a list of
// fields, each a number and a value. Independent of what the server writes.

import { join } from './snappy.ts'

/** A field: bytes, text or a message inside; a varint; or eight bytes. */
export type Field = readonly [number: number, value: FieldValue]

export type FieldValue =
  | string
  | Uint8Array
  | { varint: bigint | number }
  | { zigzag: number }
  | { double: number }
  | { fixed: bigint }

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Uint8Array.from([...bytes, Number(rest)])
}

function eight(fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(8)
  fill(new DataView(bytes.buffer))
  return bytes
}

function encodeField([number, value]: Field): Uint8Array {
  const key = (type: number): Uint8Array => varint(BigInt(number * 8 + type))
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value
    return join([key(2), varint(BigInt(bytes.length)), bytes])
  }
  if ('varint' in value) return join([key(0), varint(BigInt(value.varint))])
  if ('zigzag' in value) {
    const { zigzag } = value
    return join([key(0), varint(BigInt(zigzag < 0 ? -2 * zigzag - 1 : 2 * zigzag))])
  }
  if ('double' in value) {
    return join([key(1), eight((view) => view.setFloat64(0, value.double, true))])
  }
  return join([
    key(1),
    eight((view) => view.setBigUint64(0, BigInt.asUintN(64, value.fixed), true)),
  ])
}

/** The bytes of a message. */
export function message(...fields: readonly Field[]): Uint8Array {
  return join(fields.map(encodeField))
}

/** Numbers packed into one field: fixed64, doubles or varints. */
export function packed(kind: 'fixed' | 'double' | 'varint', values: readonly number[]): Uint8Array {
  return join(
    values.map((value) => {
      if (kind === 'varint') return varint(BigInt(value))
      return eight((view) => {
        if (kind === 'double') view.setFloat64(0, value, true)
        else view.setBigUint64(0, BigInt(value), true)
      })
    }),
  )
}

// --- Prometheus

/** A sample: its value, or the bits of a NaN; milliseconds. */
export type Sample = readonly [value: number | bigint, time: number | bigint]

/** A TimeSeries of labels, in the order given, and samples. */
export function timeSeries(
  labels: readonly (readonly [string | Uint8Array, string | Uint8Array])[],
  samples: readonly Sample[],
): Uint8Array {
  return message(
    ...labels.map(([name, value]): Field => [1, message([1, name], [2, value])]),
    ...samples.map(([value, time]): Field => [
      2,
      message(
        [1, typeof value === 'bigint' ? { fixed: value } : { double: value }],
        [2, { varint: time }],
      ),
    ]),
  )
}

/** A WriteRequest of these series. */
export function writeRequest(...series: readonly Uint8Array[]): Uint8Array {
  return message(...series.map((one): Field => [1, one]))
}

/** What Prometheus writes when a series ends. */
export const STALE = 0x7ff0000000000002n
