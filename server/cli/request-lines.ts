// The lines that a server writes about requests: one each, when its answer has gone. Routes are patterns
// and names are those of tokens and databases, so neither secrets nor what was asked can be in them.

import type { RequestLog, RequestRecord } from '../course.ts'
import { printable } from './terminal.ts'

export const LOG_FORMS = ['json', 'text', 'off'] as const

export type LogForm = (typeof LOG_FORMS)[number]

/** Routes whose requests are questions: they are slow on their own account, not on their sender's. */
const QUESTIONS = new Set(['/v1/query', '/v1/latest', '/v1/export', '/v1/tables/{table}/series'])

export interface LineOptions {
  readonly form: LogForm
  /** Milliseconds from which on a question is slow; 0: none is. */
  readonly slowQueryMs: number
}

/** Writes a line for each request, or for slow questions alone; null if there is nothing to write. */
export function requestLines(
  { form, slowQueryMs }: LineOptions,
  write: (line: string) => void,
): RequestLog | null {
  if (form === 'off' && slowQueryMs === 0) return null
  const format = form === 'json' ? jsonLine : textLine
  return (record) => {
    const isSlow =
      slowQueryMs > 0 && record.durationMs >= slowQueryMs && QUESTIONS.has(record.route)
    if (form !== 'off' || isSlow) write(format(record, isSlow))
  }
}

/** A line about the server itself. */
export function messageLine(form: LogForm, time: number, message: string): string {
  if (form !== 'json') return message
  return JSON.stringify({ time: new Date(time).toISOString(), level: 'error', message })
}

function jsonLine(record: RequestRecord, isSlow: boolean): string {
  const { time, id, method, route, status, bytes, durationMs, token, database, isBroken } = record
  return JSON.stringify({
    time: new Date(time).toISOString(),
    level: levelOf(record, isSlow),
    ...{ id, method, route, status, bytes },
    durationMs: Math.round(durationMs * 1000) / 1000,
    ...{ token, database },
    ...(isSlow ? { slow: true } : {}),
    ...(isBroken ? { broken: true } : {}),
  })
}

function textLine(record: RequestRecord, isSlow: boolean): string {
  const { time, id, method, route, status, bytes, durationMs, token, database, isBroken } = record
  const marks = [...(isSlow ? ['slow'] : []), ...(isBroken ? ['broken'] : [])]
  const who = `token=${token === null ? '-' : JSON.stringify(printable(token))}`
  const took = `${durationMs.toFixed(3)}ms`
  const words = [new Date(time).toISOString(), method, route, status, `${bytes}B`, took]
  return [...words, who, `db=${database ?? '-'}`, `id=${id}`, ...marks].join(' ')
}

function levelOf({ status, isBroken }: RequestRecord, isSlow: boolean): 'info' | 'warn' | 'error' {
  if (status >= 500) return 'error'
  return status === 429 || isSlow || isBroken ? 'warn' : 'info'
}
