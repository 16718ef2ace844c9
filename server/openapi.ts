// The API document: what all routes together are called, and how to get in. Everything else in it
// comes from the routes themselves and the notes of their schemas (schema/documented.ts).

import {
  OpenApiGeneratorV31,
  OpenAPIRegistry,
  zodToOpenAPIRegistry,
  type RouteConfig,
} from '@asteasolutions/zod-to-openapi'
import type * as z from 'zod'
import { addExamples } from './documentation/example.ts'
import type { Endpoint } from './endpoint.ts'
import { RULE_TEXTS } from './grant.ts'
import { documented } from './schema/documented.ts'
import { VERSION } from './version.ts'

/** An OpenAPI 3.1 document, as far as its readers here need to know it. */
export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>

const DESCRIPTION = `Times are int64 nanoseconds inside; ranges are half-open \`[start, end)\`. An unknown or
repeated parameter or member is a 400 that names it. A body without a content type, or with curl's
\`application/x-www-form-urlencoded\`, is read as the route's own. HEAD works where GET does. Send
again after 408, 429, 500, 502-504, 507 and dropped connections: the same points overwrite themselves.`

/** The document of an app's routes. */
export function openApiDocument(endpoints: readonly Endpoint<z.ZodObject>[]): OpenApiDocument {
  for (const [schema, { name, note }] of documented) {
    zodToOpenAPIRegistry.add(schema, { ...note, ...(name && { _internal: { refId: name } }) })
  }
  const registry = new OpenAPIRegistry()
  for (const endpoint of endpoints) registry.registerPath(describe(endpoint))
  registry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description:
      'A token of `POST /v1/tokens`, or OMENDB_TOKEN of the server. A server without any asks for ' +
      'none and serves its own machine only',
  })
  const document = new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: 'OmenDB', version: VERSION, description: DESCRIPTION },
    security: [{ token: [] }],
    servers: [{ url: '/' }],
  })
  addExamples(document)
  return document
}

function describe(endpoint: Endpoint<z.ZodObject>): RouteConfig {
  const { method, path, operationId, summary, group, answers } = endpoint
  const texts = [endpoint.description, RULE_TEXTS[endpoint.access]]
  const description = texts.filter((text) => typeof text === 'string').join(' ')
  return {
    method,
    path,
    operationId,
    summary,
    ...(description === '' ? {} : { description }),
    tags: [group],
    ...(endpoint.access === 'open' ? { security: [] } : {}),
    request: {
      query: endpoint.query,
      ...(endpoint.parameters ? { params: endpoint.parameters } : {}),
      ...(endpoint.body ? { body: endpoint.body } : {}),
    },
    responses: answers,
  }
}
