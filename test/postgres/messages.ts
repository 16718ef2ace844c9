// Messages of a client, as bytes, for tests that speak the wire by hand.

import { int32, message } from './live.ts'

export const text = (value: string): string => `${value}\0`

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value & 0xffff)
  return bytes
}

export const query = (sql: string): Buffer => message('Q', text(sql))

export const parse = (name: string, sql: string, types: readonly number[] = []): Buffer =>
  message('P', text(name), text(sql), int16(types.length), ...types.map(int32))

/** Parameters as texts; results in binary if asked for. */
export function bind(
  portal: string,
  name: string,
  parameters: readonly (string | null)[] = [],
  isBinary = false,
): Buffer {
  const values = parameters.flatMap((value) =>
    value === null ? [int32(-1)] : [int32(Buffer.byteLength(value)), Buffer.from(value)],
  )
  const formats = isBinary ? [int16(1), int16(1)] : [int16(0)]
  const counted = [int16(0), int16(parameters.length), ...values, ...formats]
  return message('B', text(portal), text(name), ...counted)
}

export const describe = (kind: 'P' | 'S', name: string): Buffer => message('D', kind, text(name))
export const execute = (portal: string, limit = 0): Buffer =>
  message('E', text(portal), int32(limit))
export const close = (kind: 'P' | 'S', name: string): Buffer => message('C', kind, text(name))
export const sync = message('S')
export const flush = message('H')
export const terminate = message('X')
