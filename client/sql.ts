// SQL through the client: a statement with its values, and its rows as objects. Loaded with the other calls
// that not every page makes (deferred.ts).

import type { Core } from './administration.ts'
import type { Client } from './client.ts'
import type { SqlColumn, SqlRow, SqlRows, SqlValue, TimeFormat } from './shapes.ts'
import type { CallOptions } from './transport.ts'

export interface SqlOptions extends CallOptions {
  /** How times come: numbers of milliseconds unless given; `ns` are bigints, `date` Dates. */
  time?: TimeFormat
}

/** Only these are sent again after a lost answer: what they did not finish has changed nothing. */
const READS = /^\s*(select|values|table|show)\b/i

/** What `/v1/sql` answers. */
interface SqlAnswer extends Pick<SqlRows<SqlRow>, 'columns' | 'command' | 'rowCount' | 'stats'> {
  rows: unknown[][]
}

/** The call of a client. */
export function sqlCall({ send, decodeTime }: Core): Client['sql'] {
  return async (text: string | readonly string[], ...given: unknown[]): Promise<never> => {
    const isText = typeof text === 'string'
    const sql = isText ? text : text.reduce((all, part, index) => `${all}$${index}${part}`)
    const values = (isText ? (given[0] ?? []) : given) as readonly SqlValue[]
    const { time, ...call } = ((isText && given[1]) || {}) as SqlOptions
    const asked = { time: time === 'date' ? 'ms' : time, integers: 'string' }
    const answer: SqlAnswer = await send('POST', '/v1/sql', {
      retry: READS.test(sql) ? undefined : false,
      ...call,
      body: { sql, params: values.map(parameterOf), ...asked },
    })
    const { rows, ...rest } = answer
    const decoders = rest.columns.map((column) => decoderOf(column, time, decodeTime))
    const objects = rows.map((row) =>
      // Own members, so that a column `__proto__` is one, too.
      Object.fromEntries(
        rest.columns.map(({ name }, index) => {
          const value = row[index]
          return [name, value === null ? null : decoders[index]!(value)]
        }),
      ),
    )
    return Object.assign(objects, rest) as never
  }
}

/** JSON has no NaN and no bytes: their texts are read as the parameter's type. */
function parameterOf(value: SqlValue, index: number): unknown {
  if (value === undefined)
    throw new TypeError(`value ${index + 1} is undefined; null is SQL's null`)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) {
    return `\\x${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
  }
  return Array.isArray(value) ? value.map(parameterOf) : value
}

type Decoder = (value: unknown) => unknown

function decoderOf(
  { type }: SqlColumn,
  time: TimeFormat | undefined,
  decodeTime: Core['decodeTime'],
): Decoder {
  if (type.endsWith('[]')) {
    const decode = decoderOf({ name: '', type: type.slice(0, -2) }, time, decodeTime)
    const each: Decoder = (value) =>
      Array.isArray(value) ? value.map(each) : value === null ? null : decode(value)
    return each
  }
  if (type.startsWith('timestamp')) return (value) => decodeTime(value as never, time)
  if (type === 'integer' || type === 'bigint') return (value) => BigInt(value as string)
  return (value) => value
}
