// Examples of the API document: what one request of each operation sends and what it is answered, put beside
// the shapes that the routes have. They hang together (what one writes, another reads), and a test sends
// them all to a running server and compares the answers, so they are true.

import type { OpenApiDocument } from '../openapi.ts'
import { QUERY_EXAMPLES } from './query.ts'
import { SERVER_EXAMPLES } from './server.ts'
import { SQL_EXAMPLES } from './sql.ts'
import { TABLE_EXAMPLES } from './table.ts'
import { WRITE_EXAMPLES } from './write.ts'

/** One request and its answer. */
export interface Example {
  /** Of path and URL, by name. */
  readonly parameters?: Readonly<Record<string, string | number | boolean>>
  /** Text, or what is JSON. */
  readonly body?: unknown
  /** The answer that succeeds; text, or what is JSON. Absent: it is empty, or bytes. */
  readonly answer?: unknown
}

/** By operationId. */
export type Examples = Readonly<Record<string, Example>>

const EXAMPLES: Examples = {
  ...WRITE_EXAMPLES,
  ...QUERY_EXAMPLES,
  ...SQL_EXAMPLES,
  ...TABLE_EXAMPLES,
  ...SERVER_EXAMPLES,
}

interface Media {
  example?: unknown
}

interface Operation {
  readonly operationId: string
  readonly parameters?: { readonly name: string; example?: unknown }[]
  readonly requestBody?: { readonly content: Record<string, Media> }
  readonly responses: Record<string, { readonly content?: Record<string, Media> }>
}

/** Puts the examples into the document. */
export function addExamples(document: OpenApiDocument): void {
  for (const methods of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(methods as Record<string, Operation>)) {
      const example = EXAMPLES[operation.operationId]
      if (example !== undefined) addExample(operation, example)
    }
  }
}

function addExample(operation: Operation, { parameters = {}, body, answer }: Example): void {
  for (const parameter of operation.parameters ?? []) {
    const value = parameters[parameter.name]
    if (value !== undefined) parameter.example = value
  }
  if (body !== undefined) setFirst(operation.requestBody?.content, body)
  const success = Object.keys(operation.responses).find((status) => status.startsWith('2'))
  if (answer !== undefined) setFirst(operation.responses[success!]?.content, answer)
}

function setFirst(content: Record<string, Media> | undefined, example: unknown): void {
  const [first] = Object.values(content ?? {})
  if (first !== undefined) first.example = example
}
