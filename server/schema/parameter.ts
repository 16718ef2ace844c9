// Pieces that the shapes of several routes are made of: how a database, a unit, a time, a number in a
// URL are written. The shapes are in the files beside this one, a file for a noun; they are the only
// definition of what native routes take and answer: requests are checked against them, the OpenAPI
// document and the typed client are made of them.

import * as z from 'zod'
import { noted } from './documented.ts'
import { INTEGER_FORMATS } from '../encode/integers.ts'
import { TIME_FORMATS } from '../encode/time.ts'

/** A text parameter. */
export const describe = (description: string) => noted(z.string(), { description })

export const DATABASE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/

export const databaseParameter = noted(
  z
    .string()
    .regex(DATABASE_NAME, 'a database name is 1 to 63 letters, digits, _ . or -, no digit first')
    .default('default'),
  { description: 'Database', example: 'default' },
)

export const precision = noted(z.enum(['ns', 'us', 'ms', 's'], { error: 'one of ns, us, ms, s' }), {
  description: 'Unit of integer times',
})

export const timeFormat = noted(z.enum(TIME_FORMATS, { error: 'one of ms, s, us, ns, rfc3339' }), {
  description: 'How times come out: numbers (`ms`, `s`, `us`) or strings (`ns`, `rfc3339`)',
})

export const integerFormat = noted(z.enum(INTEGER_FORMATS, { error: 'auto or string' }), {
  description:
    '`auto`: 64-bit integers are numbers unless a column has one beyond 2^53; `string`: always strings',
})

/** A number in a URL. */
export const count = (description: string) =>
  noted(
    z
      .string()
      .regex(/^\d{1,15}$/, 'a whole number')
      .transform(Number),
    { type: 'integer', description },
  )

export const flag = z
  .enum(['true', 'false'], { error: 'true or false' })
  .transform((text) => text === 'true')
  .default(false)

export const time = noted(
  z.union([z.number(), z.string()], { error: 'a time is a number or a string' }),
  {
    description:
      'Integer in `precision` units, digit string, RFC 3339, date, `now`, `now-1h` or `-1h`',
    example: 'now-1h',
  },
)

export const fieldTypeName = z.enum(['float', 'integer', 'unsigned', 'boolean', 'string'])
export const tagSet = z.record(z.string(), z.string().nullable())
export const NoQuery = z.strictObject({})
