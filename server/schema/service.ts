// Health, and backups of the whole server.

import { z } from '@hono/zod-openapi'

export const HealthAnswer = z
  .object({
    status: z.enum(['pass', 'warn', 'fail']),
    name: z.literal('omendb'),
    version: z.string(),
    message: z.string(),
  })
  .openapi('Health')

export const BackupQuery = z.strictObject({
  since: z
    .string()
    .optional()
    .openapi({ description: 'Id of an earlier backup, from its `OmenDB-Backup-Id`' }),
})

export const RestoreAnswer = z
  .object({ databases: z.number().int(), tables: z.number().int(), points: z.number().int() })
  .openapi('Restored')

export const ReadyAnswer = z.object({ status: z.literal('ready') }).openapi('Ready')
