// The shapes of tokens: what is asked for, what is shown, and what is shown once.

import * as z from 'zod'
import { named, noted } from './documented.ts'
import { isReserved } from '../../engine/reserved.ts'
import { TIME_FORMATS } from '../encode/time.ts'
import { EVERY_DATABASE, SCOPES } from '../grant.ts'
import { DATABASE_NAME, describe } from './parameter.ts'

const SCOPED_DATABASES_MAX = 100
const NAME_LENGTH_MAX = 100

const name = noted(
  z
    .string()
    .regex(/^[^\p{C}]+$/u, 'a name is 1 to 100 characters, no control characters')
    .max(NAME_LENGTH_MAX, 'a name is 1 to 100 characters, no control characters'),
  {
    description: 'For people and logs; need not be unique',
    example: 'telegraf',
    pattern: '^[^\\p{C}]+$', // the document generator would add the flag
  },
)

const database = z
  .string()
  .refine(
    (key) => key === EVERY_DATABASE || (DATABASE_NAME.test(key) && !isReserved(key)),
    'a database, which need not exist yet, or *',
  )

const scopeList = z
  .array(z.enum(SCOPES, { error: 'one of read, write, admin' }))
  .min(1, 'one of read, write, admin at least')
  .max(SCOPES.length, 'each of read, write, admin at most once')

const scopes = noted(
  z
    .record(database, scopeList)
    .refine((lists) => Object.keys(lists).length > 0, 'one database at least, or *')
    .refine(
      (lists) => Object.keys(lists).length <= SCOPED_DATABASES_MAX,
      `${SCOPED_DATABASES_MAX} databases at most; * is all of them`,
    ),
  {
    description:
      'What the token may do, by database; `*` is all of them, also those to come. `read`: queries, ' +
      'exports and listings; `write`: points, which make what they name; `admin`: both, and to set, ' +
      'drop and delete. Tokens, backup and restore need `admin` of `*`',
    example: { metrics: ['write'] },
  },
)

const expiresAt = z
  .union([z.number(), z.string()], { error: 'a time is a number or a string' })
  .nullable()

export const TokenBody = named(
  'TokenRequest',
  z.strictObject({
    name,
    scopes,
    expiresAt: noted(expiresAt.optional(), {
      description: 'When it ends: milliseconds, RFC 3339 or `now+90d`; null = never',
      example: 'now+90d',
    }),
  }),
)

export const TokenQuery = z.strictObject({
  time: noted(z.enum(TIME_FORMATS, { error: 'one of ms, s, us, ns, rfc3339' }).optional(), {
    description: 'How times come out: `ms` unless given',
  }),
})

export const TokenParameter = z.object({
  id: describe('Id of the token, from its answer or the list'),
})

const shownTime = z.union([z.number(), z.string()])

const shown = {
  id: z.string(),
  name: z.string(),
  scopes: z.record(z.string(), z.array(z.enum(SCOPES))),
  createdAt: shownTime,
  expiresAt: shownTime.nullable(),
}

const exampleToken = {
  id: '9f2c41d07a3be658',
  name: 'telegraf',
  scopes: { metrics: ['write' as const] },
  createdAt: 1_790_000_000_000,
  expiresAt: null,
}

export const TokenAnswer = named('Token', z.object(shown), { example: exampleToken })

export const TokensAnswer = named('Tokens', z.object({ tokens: z.array(z.object(shown)) }))

export const NewTokenAnswer = named(
  'NewToken',
  z.object({
    ...shown,
    token: noted(z.string(), { description: 'The secret; it is shown here and never again' }),
  }),
  {
    example: { ...exampleToken, token: 'omen_0Yq2vJ7mVxkqzq3l8yT1uKQm5r9c4bNfW6hZxEoAaPs' },
  },
)
