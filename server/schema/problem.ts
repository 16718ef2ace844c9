// Problem documents, and what routes say of their bodies and answers.

import * as z from 'zod'
import { named, noted } from './documented.ts'
import { ANSWERED } from '../problem.ts'

/** Every code that an answer may have, once. */
const CODES = [...new Set(Object.values(ANSWERED).map(({ code }) => `\`${code}\``))].join(' ')

const said = (description: string) => noted(z.string(), { description })

export const listedError = named(
  'ListedError',
  z.object({
    line: noted(z.number().int().nullable(), { description: 'Of a text, from 1' }),
    column: noted(z.number().int().nullable(), { description: 'Byte of the line, from 1' }),
    pointer: noted(z.string().nullable(), { description: 'JSON pointer, or `/` and a parameter' }),
    message: z.string(),
    input: noted(z.string().nullable(), { description: 'The line, as far as 100 characters' }),
  }),
  {
    description: 'What was wrong with one line or row; null where it has no meaning',
  },
)

export const ProblemBody = named(
  'Problem',
  z.object({
    type: said('Where `/docs` explains the code'),
    title: z.string(),
    status: noted(z.number().int(), { description: 'The status of the answer' }),
    code: said(`What programs look at: ${CODES}`),
    detail: said('What people read: subject, fact, number'),
    requestId: said('As in `X-Request-Id` and in the log'),
    written: noted(z.number().int(), { description: 'Points that were stored all the same' }),
    errors: noted(z.array(listedError), { description: 'At most 100' }),
    sqlstate: said('Of errors in `select` and `where`, as PostgreSQL has it').optional(),
    position: noted(z.number().int().optional(), {
      description: 'Character of the expression, from 1, beside `sqlstate`',
    }),
  }),
  {
    description: 'RFC 9457',
    example: {
      type: '/docs#line_protocol',
      title: 'Malformed line protocol',
      status: 400,
      code: 'line_protocol',
      detail: 'line 2, column 13: a field has no value',
      requestId: '0f0aa6a5-54a5-4d5c-9a6e-8a2d2a3f0c11',
      written: 0,
      errors: [
        {
          line: 2,
          column: 13,
          pointer: null,
          message: 'a field has no value',
          input: 'cpu,host=a usage= 1',
        },
      ],
    },
  },
)

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
