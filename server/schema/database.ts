// Databases, by name.

import { z } from '@hono/zod-openapi'
import { databaseParameter } from './parameter.ts'

export const DatabaseQuery = z.strictObject({ db: databaseParameter })
export const DatabaseParameter = z.object({ db: z.string() })

export const DatabasesAnswer = z
  .object({ databases: z.array(z.object({ name: z.string() })) })
  .openapi('Databases')

export const DatabaseAnswer = z.object({ name: z.string() }).openapi('Database')
