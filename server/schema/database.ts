// Databases, by name.

import { z } from '@hono/zod-openapi'
import { databaseParameter, describe } from './parameter.ts'

export const DatabaseQuery = z.strictObject({ db: databaseParameter })
export const DatabaseParameter = z.object({ db: describe('Database') })

export const DatabasesAnswer = z
  .object({ databases: z.array(z.object({ name: z.string() })) })
  .openapi('Databases')

export const DatabaseAnswer = z.object({ name: z.string() }).openapi('Database')
