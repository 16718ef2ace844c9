// Points against the schema of their table (Standard Schema: zod, valibot, arktype …), before anything
// is sent. What the schema makes of a point is written; columns are the server's to check.

import { failure } from './error.ts'
import { isList } from './points.ts'
import type { Schema, SchemaIssue } from './typed.ts'

/** The point as the schema wants it. Throws OmenDBError `schema`; all issues are its cause. */
export function checkPoint(schema: Schema<unknown> | undefined, point: object): object {
  const { time, tags = {}, fields } = point as { time?: unknown; tags?: object; fields: object }
  if (!schema || Object.values(fields).some(isList)) {
    return point
  }
  const result = schema['~standard'].validate({ tags, fields })
  if (result instanceof Promise) throw new TypeError('schema: asynchronous')
  if (!result.issues) return { time, ...(result.value as object) }
  const [{ message, path = [] }] = result.issues as [SchemaIssue]
  const place = path.map((step) => (step as { key?: string }).key ?? (step as string)).join('.')
  throw failure('schema', `${place}: ${message}`, result.issues)
}
