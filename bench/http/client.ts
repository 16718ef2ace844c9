// A client that keeps its connections open, as cheap as Node's own HTTP allows.

import { Agent, type IncomingMessage, request } from 'node:http'

export class HttpClient {
  private readonly url: string
  private readonly agent: Agent

  /** `url` without a path; at most `connections` requests are under way. */
  constructor(url: string, connections = 1) {
    this.url = url
    this.agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  get(path: string): Promise<Buffer> {
    return this.send('GET', path, null, {})
  }

  /** The body of the answer; throws what an answer that is no success says. */
  send(
    method: string,
    path: string,
    body: Buffer | string | null,
    headers: Record<string, string>,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const length = body === null ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
      const options = { method, agent: this.agent, headers: { ...headers, ...length } }
      const call = request(this.url + path, options, (answer: IncomingMessage) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () => {
          const bytes = Buffer.concat(chunks)
          const { statusCode } = answer
          if (statusCode! < 300) resolve(bytes)
          else
            reject(new Error(`${method} ${path}: ${statusCode} ${bytes.toString('utf8', 0, 500)}`))
        })
      })
      call.on('error', reject)
      call.end(body ?? undefined)
    })
  }

  close(): void {
    this.agent.destroy()
  }
}
