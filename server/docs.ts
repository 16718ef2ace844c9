// The API document as one plain page: no script, no request to anybody, so its Content-Security-
// Policy can forbid all of that. Problem documents point into it: `/docs#line_protocol`.

import type { OpenApiDocument } from './openapi.ts'
import { ANSWERED } from './problem.ts'

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 54rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; } h3 { margin: 2rem 0 0.25rem; font-family: ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top;
padding: 0.25rem 0.75rem 0.25rem 0; border-top: 1px solid #8884; }
code { font: 0.9em ui-monospace, monospace; }
:target { background: #fc02; }
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

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}

interface Operation {
  summary?: string
  description?: string
  tags?: string[]
  parameters?: { name: string; in: string; required?: boolean; schema?: Described }[]
}

interface Described {
  description?: string
  type?: string | string[]
  enum?: unknown[]
}

/** The whole page. */
export function docsPage(document: OpenApiDocument): string {
  const operations: string[] = []
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(methods as Record<string, Operation>)) {
      operations.push(describeOperation(method, path, operation))
    }
  }
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>OmenDB API</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>
<h1>OmenDB ${escape(document.info.version)}</h1>
<p>${escape(document.info.description ?? '')}</p>
<p>For programs: <a href="/openapi.json">openapi.json</a></p>
<h2>Routes</h2>${operations.join('')}
<h2>Errors</h2><table>${describeErrors()}</table>
</body></html>
`
}

function describeOperation(method: string, path: string, operation: Operation): string {
  const rows = (operation.parameters ?? []).map(({ name, in: place, required, schema }) => {
    const about = schema?.description ?? schema?.enum?.join(', ') ?? ''
    const mark = place === 'path' || required ? ' (required)' : ''
    return `<tr><td><code>${escape(name)}</code>${mark}</td><td>${escape(about)}</td></tr>`
  })
  return `<h3>${method.toUpperCase()} ${escape(path)}</h3>
<p>${escape(operation.summary ?? '')}. ${escape(operation.description ?? '')}</p>
<table>${rows.join('')}</table>`
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
