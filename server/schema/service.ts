// Health, and backups of the whole server.

import * as z from 'zod'
import { named, noted } from './documented.ts'

export const HealthAnswer = named(
  'Health',
  z.object({
    status: z.enum(['pass', 'warn', 'fail']),
    name: z.literal('omendb'),
    version: z.string(),
    message: z.string(),
  }),
)

export const BackupQuery = z.strictObject({
  since: noted(z.string().optional(), {
    description: 'Id of an earlier backup, from its `OmenDB-Backup-Id`',
  }),
})

export const RestoreAnswer = named(
  'Restored',
  z.object({ databases: z.number().int(), tables: z.number().int(), points: z.number().int() }),
)

export const ReadyAnswer = named('Ready', z.object({ status: z.literal('ready') }))
