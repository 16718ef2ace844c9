// The same questions over HTTP, on one kept connection to a server in this process: the excess over an
// empty answer, since the client and Node's own HTTP cost more than most queries.

import { Agent, request as sendRequest } from 'node:http'
import type { Answer } from '../../engine/query/query.ts'
import { type Question, requestOf } from './questions.ts'

/** A connection to a server. */
export class Connection {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 })
  private readonly url: string

  constructor(url: string) {
    this.url = url
  }

  /** Reads an answer that says nothing to its end. */
  empty(): Promise<Buffer[]> {
    return this.exchange('/health', null)
  }

  /** Asks a question and reads the answer to its end. `lastpoint` of all fields. */
  ask(question: Question): Promise<Buffer[]> {
    if (question.result === 'latest') return this.exchange('/v1/latest?table=cpu', null)
    return this.exchange('/v1/query', requestOf(question))
  }

  close(): void {
    this.agent.destroy()
  }

  private exchange(path: string, body: object | null): Promise<Buffer[]> {
    const method = body === null ? 'GET' : 'POST'
    const headers = { 'content-type': 'application/json' }
    return new Promise((resolve, reject) => {
      const sent = sendRequest(
        this.url + path,
        { agent: this.agent, method, headers },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => void chunks.push(chunk))
          response.on('end', () => {
            if (response.statusCode === 200) resolve(chunks)
            else
              reject(
                new Error(`${path}: ${response.statusCode} ${Buffer.concat(chunks).toString()}`),
              )
          })
        },
      )
      sent.on('error', reject)
      sent.end(body === null ? undefined : JSON.stringify(body))
    })
  }
}

interface JsonSeries {
  tags: Record<string, string>
  time: number[]
  fields: Record<string, number[]>
}

/** Throws unless the text says what the engine's answer, which was checked, says. */
export function checkText(chunks: readonly Buffer[], answer: Answer): void {
  const { series } = JSON.parse(Buffer.concat(chunks).toString()) as { series: JsonSeries[] }
  const found = series.map(({ tags, time, fields }) => [tags, time, fields])
  const expected = answer.series.map(({ tags, time, fields }) => [
    Object.fromEntries(tags),
    Array.from(time, (ns) => Number(ns / 1_000_000n)),
    Object.fromEntries(
      fields.map(({ values }, i) => [answer.columns[i + 1]!.name, Array.from(values, Number)]),
    ),
  ])
  // By name: fields come in one order in both only if they were selected.
  const sorted = (value: unknown): string =>
    JSON.stringify(value, (_key, member: unknown) =>
      typeof member === 'object' && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
        : member,
    )
  if (sorted(found) !== sorted(expected)) throw new Error('HTTP: the answer is not the engine’s')
}
