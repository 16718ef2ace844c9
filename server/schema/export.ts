// What exports take: a query's members and a format.

import { z } from '@hono/zod-openapi'
import { queryMembers, queryParameters } from './query.ts'

export const EXPORT_FORMATS = ['csv', 'ndjson', 'lp', 'arrow', 'parquet'] as const
const exportFormat = z
  .enum(EXPORT_FORMATS, { error: 'one of csv, ndjson, lp, arrow, parquet' })
  .openapi({
    description:
      '`csv` (default) with a header line; `ndjson` a flat object a line; `lp` line protocol, of raw ' +
      'points alone; `arrow` an IPC stream, tags as dictionaries; `parquet` one file. The last three ' +
      'have exact integers and times in nanoseconds, and take no other `time` and `integers`',
  })

export const ExportBody = z
  .strictObject({ ...queryMembers, format: exportFormat.nullish() })
  .openapi('ExportRequest')

export const ExportParameters = z.strictObject({
  ...queryParameters,
  format: exportFormat.optional(),
})
