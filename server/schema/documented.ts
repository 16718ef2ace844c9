// What the API document says of schemas beside their shape: a note of each, kept where the generator
// (openapi.ts), which is loaded when somebody asks for the document, finds it. Not in zod's registry:
// that is one for the whole process, and an application that embeds us has names of its own.

import type { ZodType } from 'zod'

/** Members of an OpenAPI schema: `description`, `example`, `type` where ours says more. */
export type Note = Readonly<Record<string, unknown>>

/** A note and, if it is a component of the document, its name. */
export interface Documented {
  readonly name: string | null
  readonly note: Note
}

const notes = new Map<ZodType, Documented>()

/** Every schema that has a note. */
export const documented: ReadonlyMap<ZodType, Documented> = notes

/** The same schema with a note, beside those that it had. */
export function noted<T extends ZodType>(schema: T, note: Note): T {
  return keep(schema, notes.get(schema)?.name ?? null, note)
}

/** The same schema as a component of the document. */
export function named<T extends ZodType>(name: string, schema: T, note: Note = {}): T {
  return keep(schema, name, note)
}

/** Of a copy: the schema itself may stand elsewhere without the note. */
function keep<T extends ZodType>(schema: T, name: string | null, note: Note): T {
  const copy = schema.clone() as T
  notes.set(copy, { name, note: { ...notes.get(schema)?.note, ...note } })
  return copy
}
