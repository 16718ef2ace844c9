// A database server as a child process, with a client of it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { HttpClient } from '../http/client.ts'
import { lineChunks } from './inputs.ts'

const START_MS = 60_000

/** About 8,000 lines of ten tags and ten fields. */
export const BODY_BYTES = 3 << 20

/** What `sendLines` does, in words. */
export const LINES_LOADING = `line protocol, bodies of ${BODY_BYTES >> 20} MiB on two connections`

/** Throws unless the program is installed. */
export function requireProgram(path: string, debianPackage: string): string {
  if (!existsSync(path)) throw new Error(`${path} is missing: apt-get install ${debianPackage}`)
  return path
}

/** Kills a child when this process ends, however it ends. */
export function endWithThisProcess(child: ChildProcess): void {
  process.once('exit', () => child.kill('SIGKILL'))
}

export class HttpServer {
  readonly process: ChildProcess
  readonly client: HttpClient
  private output = ''

  private constructor(process: ChildProcess, port: number) {
    this.process = process
    endWithThisProcess(process)
    this.client = new HttpClient(`http://127.0.0.1:${port}`, 2)
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-4_000)
    }
    process.stdout!.on('data', keep)
    process.stderr!.on('data', keep)
  }

  /** Starts it and waits until GET `readyPath` is answered. */
  static async start(
    program: string,
    args: readonly string[],
    { port, readyPath, uid }: { port: number; readyPath: string; uid?: number },
  ): Promise<HttpServer> {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid ? { uid } : {}),
    })
    const server = new HttpServer(child, port)
    const end = performance.now() + START_MS
    for (;;) {
      const isReady = await server.client.get(readyPath).then(
        () => true,
        () => false,
      )
      if (isReady) return server
      if (child.exitCode !== null || performance.now() > end) {
        throw new Error(`${program} does not start: ${server.output}`)
      }
      await new Promise((again) => setTimeout(again, 50))
    }
  }

  /** Sends a file of lines in bodies of whole lines, two under way at a time. */
  async sendLines(path: string, file: string, bytesMax: number): Promise<void> {
    const bodies = lineChunks(file, bytesMax)
    const sender = async (): Promise<void> => {
      for (let next = bodies.next(); !next.done; next = bodies.next()) {
        await this.client.send('POST', path, next.value, { 'Content-Type': 'text/plain' })
      }
    }
    await Promise.all([sender(), sender()])
  }

  async stop(): Promise<void> {
    this.client.close()
    if (this.process.exitCode !== null) return
    const ended = once(this.process, 'exit')
    this.process.kill('SIGTERM')
    await ended
  }
}
