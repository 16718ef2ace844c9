// What exports take: a query's members and a format.

import * as z from 'zod'
import { named, noted } from './documented.ts'
import { queryMembers, queryParameters } from './query.ts'

export const EXPORT_FORMATS = ['csv', 'ndjson', 'lp', 'arrow', 'parquet'] as const
const exportFormat = noted(
  z.enum(EXPORT_FORMATS, { error: 'one of csv, ndjson, lp, arrow, parquet' }),
  {
    description:
      '`csv` (default) with a header line; `ndjson` a flat object a line; `lp` line protocol, of raw ' +
      'points alone; `arrow` an IPC stream, tags as dictionaries; `parquet` one file. The last three ' +
      'have exact integers and times in nanoseconds, and take no other `time` and `integers`',
  },
)

export const ExportBody = named(
  'ExportRequest',
  z.strictObject({ ...queryMembers, format: exportFormat.nullish() }),
)

export const ExportParameters = z.strictObject({
  ...queryParameters,
  format: exportFormat.optional(),
})
