// Points against the schema of their table (Standard Schema: zod, valibot, arktype …), before anything
// is sent. What the schema makes of a point is written; columns are the server's to check.

import { OmenDBError } from './error.ts'
import type { Schema } from './typed.ts'

/** The point as the schema wants it. Throws OmenDBError `schema`; all issues are its cause. */
export function checkPoint(schema: Schema<unknown> | undefined, point: object): object {
  const { time, tags = {}, fields } = point as { time?: unknown; tags?: object; fields: object }
  if (!schema || Object.values(fields).some((value) => value && typeof value === 'object')) {
    return point
  }
  const result = schema['~standard'].validate({ tags, fields })
  if (result instanceof Promise) throw new TypeError('schema: asynchronous')
  if (!result.issues) return { time, ...(result.value as object) }
  const [{ message, path = [] } = { message: 'refused' }] = result.issues
  const place = path.map((step) => (step as { key?: string }).key ?? (step as string)).join('.')
  throw new OmenDBError(
    0,
    { code: 'schema', detail: `${place}: ${message}` },
    { cause: result.issues },
  )
}
