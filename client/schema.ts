// Points against the schema of their table (Standard Schema: zod, valibot, arktype …), before anything
// is sent. What the schema makes of a point is written; columns are the server's to check.

import { OmenDBError } from './error.ts'
import type { Schema } from './typed.ts'

/** The point as the schema wants it. Throws OmenDBError `schema` with a pointer for each issue. */
export function checkPoint(schema: Schema<unknown> | undefined, point: object): object {
  const { time, tags = {}, fields } = point as { time?: unknown; tags?: object; fields: object }
  if (!schema || Object.values(fields).some((value) => value && typeof value === 'object')) {
    return point
  }
  const result = schema['~standard'].validate({ tags, fields })
  if (result instanceof Promise) throw new TypeError('a schema must not be asynchronous')
  if (!result.issues) return { time, ...(result.value as object) }
  const errors = result.issues.map(({ message, path = [] }) => {
    const pointer = path
      .map((step) => `/${(step as { key?: string }).key ?? (step as string)}`)
      .join('')
    return { line: null, column: null, pointer, message, input: null }
  })
  const [{ pointer, message } = errors[0]!] = errors
  throw new OmenDBError(0, { code: 'schema', detail: `${pointer}: ${message}`, errors })
}
