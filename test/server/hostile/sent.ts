// What hostile requests are made of (battery.test.ts sends them), and the one point that is there before.

/** A point with a column of each type. */
export const TYPED = 'kept n=1i,u=2u,x=0.5,ok=true,s="t" 1'

export interface Sent {
  path: string
  body?: string | Uint8Array
  type?: string
  headers?: Record<string, string>
  method?: string
}

/** Where an error says that it is: members of its first listed error, and of the document itself. */
export interface Place {
  line?: number
  column?: number
  pointer?: string
  position?: number
}

export type Case = [name: string, sent: () => Sent, status: number, code: string, place?: Place]

export const lines = (body: string | Uint8Array, parameters = ''): Sent => {
  return { path: `/v1/write${parameters}`, body, type: 'text/plain' }
}
export const points = (body: unknown): Sent => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { path: '/v1/points', body: text, type: 'application/json' }
}
export const csv = (body: string | Uint8Array, parameters = ''): Sent => {
  return { path: `/v1/import?table=bad${parameters}`, body, type: 'text/csv' }
}
export const ndjson = (body: string | Uint8Array, parameters = ''): Sent => {
  return { path: `/v1/import?table=bad${parameters}`, body, type: 'application/x-ndjson' }
}
export const gzip = (body: Uint8Array): Sent => {
  return { ...lines(body), headers: { 'Content-Encoding': 'gzip' } }
}
export const query = (body: unknown): Sent => ({ ...points(body), path: '/v1/query' })
export const get = (path: string): Sent => ({ path, method: 'GET' })
export const row = (fields: unknown, others = {}) => {
  return points({ table: 'bad', rows: [{ time: 1, fields, ...others }] })
}
export const bytes = (...codes: number[]) => Uint8Array.from(codes)
export const many = (count: number, word: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => word(i)).join(',')
export const long = (count: number) => 'a'.repeat(count)
