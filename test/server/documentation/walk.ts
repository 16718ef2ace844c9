// The operations of openapi.json and the requests that their examples are, made of nothing but the document;
// and the order in which they are sent, where one needs what another did.

import { readFileSync } from 'node:fs'

interface Media {
  readonly schema: unknown
  readonly example?: unknown
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly description?: string
  readonly schema: { readonly description?: string }
  readonly example?: string | number | boolean
}

export interface Operation {
  readonly method: string
  readonly path: string
  readonly operationId: string
  readonly summary?: string
  readonly description?: string
  readonly security?: unknown[]
  readonly parameters?: Parameter[]
  readonly requestBody?: { readonly content: Record<string, Media> }
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, Media> }
  >
}

export interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, unknown> }
}

export const document = JSON.parse(
  readFileSync(new URL('../../../openapi.json', import.meta.url), 'utf8'),
) as Document

/** What others need. */
const FIRST = ['createDatabase', 'putTable', 'write', 'writePoints', 'importRows']
/** What takes away; in this order. */
const LAST = ['deleteRows', 'dropColumn', 'dropTable', 'revokeToken', 'dropDatabase', 'restore']

function rank({ method, operationId }: Operation): number {
  if (FIRST.includes(operationId)) return FIRST.indexOf(operationId)
  if (LAST.includes(operationId)) return 2_000 + LAST.indexOf(operationId)
  return method === 'get' ? 1_000 : 500
}

/** All operations in an order in which their examples succeed. */
export const operations: readonly Operation[] = Object.entries(document.paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ ...one, method, path })),
  )
  .sort((a, b) => rank(a) - rank(b))

/** Values for examples that no document can have: the id of a token, the bytes of an archive. */
export interface Found {
  readonly parameters: Record<string, string>
  /** By operation. */
  readonly bodies: Record<string, Uint8Array<ArrayBuffer>>
}

/** A field of protobuf with bytes in it. */
const field = (id: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(id * 8 + 2, bytes.length), bytes])

const label = (name: string, value: string): Buffer =>
  field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(value))]))

/** What Prometheus sends: a sample of `up{job="x"}`, 1 at 1 ms, as one literal of snappy. */
export function remoteWrite(): Uint8Array<ArrayBuffer> {
  const value = Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f)
  const sample = field(2, Buffer.concat([value, Uint8Array.of(16, 1)]))
  const message = field(1, Buffer.concat([label('__name__', 'up'), label('job', 'x'), sample]))
  return new Uint8Array(
    Buffer.concat([Uint8Array.of(message.length, (message.length - 1) * 4), message]),
  )
}

export interface Sent {
  readonly path: string
  readonly init: {
    method: string
    headers: Record<string, string>
    body?: string | Uint8Array<ArrayBuffer>
  }
}

/** The request of an operation's example; throws if a parameter or body that must be there has none. */
export function requestOf(operation: Operation, found: Found, token: string | null): Sent {
  const { method, operationId, parameters = [], requestBody } = operation
  let { path } = operation
  const search = new URLSearchParams()
  for (const { name, in: place, required, example } of parameters) {
    const value = place === 'path' ? (found.parameters[name] ?? example) : example
    if (value === undefined && required) throw new Error(`${operationId}: ${name} has no example`)
    if (place === 'path') path = path.replace(`{${name}}`, encodeURIComponent(String(value)))
    else if (value !== undefined) search.set(name, String(value))
  }
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` }
  const init: Sent['init'] = { method: method.toUpperCase(), headers }
  if (requestBody !== undefined) {
    const offered = Object.entries(requestBody.content)
    const [type, { example }] = offered.find(([, one]) => one.example !== undefined) ?? offered[0]!
    headers['Content-Type'] = type
    const bytes = found.bodies[operationId]
    if (bytes !== undefined) init.body = bytes
    else if (example === undefined) throw new Error(`${operationId}: its body has no example`)
    else init.body = typeof example === 'string' ? example : JSON.stringify(example)
  }
  return { path: search.size === 0 ? path : `${path}?${search}`, init }
}
