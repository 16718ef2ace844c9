// What exports take: a query's members and a format.

import { z } from '@hono/zod-openapi'
import { queryMembers, queryParameters } from './query.ts'

export const EXPORT_FORMATS = ['csv', 'ndjson', 'arrow'] as const
const exportFormat = z.enum(EXPORT_FORMATS, { error: 'one of csv, ndjson, arrow' }).openapi({
  description:
    '`csv` (default) with a header line, `ndjson` a flat object a line, or `arrow`, an IPC stream: tags ' +
    'as dictionaries, exact integers, `time` as a timestamp in nanoseconds (no other unit is offered)',
})

export const ExportBody = z
  .strictObject({ ...queryMembers, format: exportFormat.nullish() })
  .openapi('ExportRequest')

export const ExportParameters = z.strictObject({
  ...queryParameters,
  format: exportFormat.optional(),
})
