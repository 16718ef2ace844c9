// The API document as one plain page, with a list of its routes, examples and schemas: no script, no request to anybody, so its Content-Security-
// Policy can forbid all of that. Problem documents point into it: `/docs#line_protocol`.

import type { OpenApiDocument } from './openapi.ts'
import { ANSWERED } from './problem.ts'

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; grid-template-columns: 17rem minmax(0, 56rem); gap: 2rem; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; box-sizing: border-box;
padding: 1.5rem 1rem; border-right: 1px solid #8884; font-size: 0.85rem; overflow-wrap: anywhere; }
nav ul { list-style: none; margin: 0 0 1rem; padding: 0; } nav a { text-decoration: none; }
main { padding: 1.5rem 1rem 6rem; }
h2 { margin-top: 3rem; } h3 { margin: 2.5rem 0 0.25rem; font-family: ui-monospace, monospace; }
h4 { margin: 1rem 0 0.25rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top;
padding: 0.25rem 0.75rem 0.25rem 0; border-top: 1px solid #8884; }
code, pre { font: 0.9em ui-monospace, monospace; }
pre { background: #8882; padding: 0.6rem 0.8rem; border-radius: 4px; overflow-x: auto; }
:target { background: #fc02; }
@media (max-width: 60rem) { body { display: block; } nav { position: static; height: auto; border: 0; } }
`

let policy: Promise<string> | null = null

/** The page's policy: nothing but its own style sheet, by hash. */
export function docsPolicy(): Promise<string> {
  policy ??= crypto.subtle.digest('SHA-256', new TextEncoder().encode(STYLE)).then((digest) => {
    const hash = btoa(String.fromCharCode(...new Uint8Array(digest)))
    return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  })
  return policy
}

/** Text with its `code`. */
function escape(text: string): string {
  return escapeText(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}

function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

interface Schema {
  $ref?: string
  type?: string | string[]
  description?: string
  enum?: unknown[]
  const?: unknown
  items?: Schema
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  required?: string[]
  anyOf?: Schema[]
}

interface Media {
  schema?: Schema
  example?: unknown
}

interface Parameter {
  name: string
  in: string
  required?: boolean
  schema?: Schema
  example?: string | number | boolean
}

interface Operation {
  operationId: string
  summary?: string
  description?: string
  tags?: string[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, Media> }
  responses?: Record<string, { description?: string; content?: Record<string, Media> }>
}

/** An operation with its place. */
interface Route extends Operation {
  readonly title: string
}

/** The whole page. */
export function docsPage(document: OpenApiDocument): string {
  const groups = groupRoutes(document)
  const schemas = Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>OmenDB API</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>
<nav>${navigation(groups)}</nav><main>
<h1>OmenDB ${escape(document.info.version)}</h1>
<p>${escape(document.info.description ?? '')}</p>
<p>For programs: <a href="/openapi.json">openapi.json</a></p>
${[...groups].map(([name, routes]) => `<h2>${escape(name)}</h2>${routes.map(describeRoute).join('')}`).join('')}
<h2 id="errors">Errors</h2><table>${describeErrors()}</table>
<h2 id="schemas">Schemas</h2>${schemas.map(([name, schema]) => describeSchema(name, schema)).join('')}
</main></body></html>
`
}

function groupRoutes(document: OpenApiDocument): Map<string, Route[]> {
  const groups = new Map<string, Route[]>()
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(methods as Record<string, Operation>)) {
      const name = operation.tags?.[0] ?? 'Others'
      const route = { ...operation, title: `${method.toUpperCase()} ${path}` }
      groups.set(name, [...(groups.get(name) ?? []), route])
    }
  }
  return groups
}

function navigation(groups: ReadonlyMap<string, readonly Route[]>): string {
  const lists = [...groups].map(([name, routes]) => {
    const links = routes.map(
      ({ operationId, title }) => `<li><a href="#op-${operationId}">${escape(title)}</a></li>`,
    )
    return `<strong>${escape(name)}</strong><ul>${links.join('')}</ul>`
  })
  return `${lists.join('')}<a href="#errors">Errors</a> · <a href="#schemas">Schemas</a>`
}

function describeRoute(route: Route): string {
  const { operationId, title, summary = '', description = '', parameters = [] } = route
  const rows = parameters.map(({ name, in: place, required, schema, example }) => {
    const about = schema?.description ?? ''
    const mark = place === 'path' || required ? ' (required)' : ''
    const values = schema?.enum === undefined ? '' : ` One of ${schema.enum.join(', ')}.`
    const shown = example === undefined ? '' : `<code>${escape(String(example))}</code>`
    return `<tr><td><code>${escape(name)}</code>${mark}</td><td>${escape(about + values)}</td><td>${shown}</td></tr>`
  })
  const head = '<tr><th>Parameter</th><th></th><th>Example</th></tr>'
  return `<section id="op-${operationId}"><h3>${escape(title)}</h3>
<p><strong>${escape(summary)}.</strong> ${escape(description)}</p>
${rows.length === 0 ? '' : `<table>${head}${rows.join('')}</table>`}
${describeBody(route)}${describeAnswers(route)}</section>`
}

function describeBody({ requestBody }: Operation): string {
  return requestBody === undefined ? '' : `<h4>Body</h4>${describeContent(requestBody.content)}`
}

function describeAnswers({ responses = {} }: Operation): string {
  return Object.entries(responses)
    .map(([status, { description = '', content = {} }]) => {
      const name = status === 'default' ? 'Else' : status
      return `<h4>${name}: ${escape(description)}</h4>${describeContent(content)}`
    })
    .join('')
}

function describeContent(content: Readonly<Record<string, Media>>): string {
  return Object.entries(content)
    .map(([type, { schema, example }]) => {
      const shape = schema === undefined ? '' : ` ${typeText(schema)}`
      return `<p><code>${escape(type)}</code>${shape}</p>${exampleText(example)}`
    })
    .join('')
}

function exampleText(example: unknown): string {
  if (example === undefined) return ''
  const text = typeof example === 'string' ? example : JSON.stringify(example, null, 2)
  return `<pre>${escapeText(text)}</pre>`
}

// --- schemas

function describeSchema(name: string, schema: Schema): string {
  const { description = '', properties = {}, required = [] } = schema
  const rows = Object.entries(properties).map(([member, one]) => {
    const mark = required.includes(member) ? '' : ' (optional)'
    return `<tr><td><code>${escape(member)}</code>${mark}</td><td>${typeText(one)}</td><td>${escape(one.description ?? '')}</td></tr>`
  })
  const body = rows.length === 0 ? `<p>${typeText(schema)}</p>` : `<table>${rows.join('')}</table>`
  return `<section id="schema-${name}"><h3>${escape(name)}</h3><p>${escape(description)}</p>${body}</section>`
}

/** A type in a few words, with links to those that have names. */
function typeText(schema: Schema): string {
  const { $ref, anyOf, items, additionalProperties, type } = schema
  if ($ref !== undefined) {
    const name = $ref.slice($ref.lastIndexOf('/') + 1)
    return `<a href="#schema-${name}">${escape(name)}</a>`
  }
  if (anyOf !== undefined) return anyOf.map(typeText).join(' or ')
  if (schema.enum !== undefined) return escape(schema.enum.map(String).join(', '))
  if (schema.const !== undefined) return escape(JSON.stringify(schema.const))
  if (items !== undefined) return `list of ${typeText(items)}`
  if (typeof additionalProperties === 'object') {
    return `object of ${typeText(additionalProperties) || 'anything'}`
  }
  return escape([type ?? []].flat().join(' or '))
}

function describeErrors(): string {
  const seen = new Set<string>()
  return Object.values(ANSWERED)
    .filter(({ code }) => !seen.has(code) && seen.add(code))
    .map(
      ({ status, code, title }) =>
        `<tr id="${code}"><td>${status}</td><td><code>${code}</code></td><td>${escape(title)}</td></tr>`,
    )
    .join('')
}
