// The API document: what all routes together are called, and how to get in. Everything else in it
// comes from the routes themselves.

import type { OpenAPIHono } from '@hono/zod-openapi'
import { addExamples } from './documentation/example.ts'
import type { ServerEnv } from './endpoint.ts'
import { VERSION } from './version.ts'

/** An OpenAPI 3.1 document, as far as its readers here need to know it. */
export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>

const DESCRIPTION = `Times are int64 nanoseconds inside; ranges are half-open \`[start, end)\`. An unknown or
repeated parameter or member is a 400 that names it. A body without a content type, or with curl's
\`application/x-www-form-urlencoded\`, is read as the route's own. HEAD works where GET does. Send
again after 408, 429, 500, 502-504, 507 and dropped connections: the same points overwrite themselves.`

/** The document of an app's routes. */
export function openApiDocument(app: OpenAPIHono<ServerEnv>): OpenApiDocument {
  const registry = app.openAPIRegistry
  if (!registry.definitions.some((one) => one.type === 'component')) {
    registry.registerComponent('securitySchemes', 'token', {
      type: 'http',
      scheme: 'bearer',
      description:
        'A token of `POST /v1/tokens`, or OMENDB_TOKEN of the server. A server without any asks for ' +
        'none and serves its own machine only',
    })
  }
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'OmenDB', version: VERSION, description: DESCRIPTION },
    security: [{ token: [] }],
    servers: [{ url: '/' }],
  })
  addExamples(document)
  return document
}
