// Databases, by name.

import * as z from 'zod'
import { named } from './documented.ts'
import { databaseParameter, describe } from './parameter.ts'

export const DatabaseQuery = z.strictObject({ db: databaseParameter })
export const DatabaseParameter = z.object({ db: describe('Database') })

export const DatabasesAnswer = named(
  'Databases',
  z.object({ databases: z.array(z.object({ name: z.string() })) }),
)

export const DatabaseAnswer = named('Database', z.object({ name: z.string() }))
