// Problem documents, and what routes say of their bodies and answers.

import { z } from '@hono/zod-openapi'

export const listedError = z
  .object({
    line: z.number().int().nullable(),
    column: z.number().int().nullable(),
    pointer: z.string().nullable(),
    message: z.string(),
    input: z.string().nullable(),
  })
  .openapi('ListedError')

export const ProblemBody = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    detail: z.string(),
    requestId: z.string(),
    written: z.number().int(),
    errors: z.array(listedError),
    sqlstate: z.string().optional(),
    position: z.number().int().optional(),
  })
  .openapi('Problem')

const jsonContent = (schema: z.ZodType) => ({ 'application/json': { schema } })

/** What every native route may answer besides its success. */
export const FAILURE = {
  default: {
    description: 'Any error, as a problem document',
    content: { 'application/problem+json': { schema: ProblemBody } },
  },
}

/** The answers of a route with a JSON success. */
export function jsonAnswers(description: string, schema: z.ZodType) {
  return { 200: { description, content: jsonContent(schema) }, ...FAILURE }
}

/** A JSON request body. */
export function jsonBody(schema: z.ZodType) {
  return { required: true, content: jsonContent(schema) }
}
