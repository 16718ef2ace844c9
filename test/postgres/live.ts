// A server of the wire over the test session, and what tests talk to it with.

import { execFile } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { SqlError } from '../../sql/sql-error.ts'
import type { Account, Doorkeeper } from '../../server/postgres/connection.ts'
import { startPostgres, type PostgresServer } from '../../server/postgres/server.ts'
import { verifierOf } from '../../server/scram-verifier.ts'
import { TestSession, type Scene } from './session.ts'

export interface Live {
  readonly server: PostgresServer
  readonly scene: Scene
  readonly errors: SqlError[]
}

interface LiveOptions {
  readonly doorkeeper?: Doorkeeper
  readonly connectionsMax?: number
  readonly tls?: { readonly cert: string; readonly key: string }
}

export async function startLive({ doorkeeper, ...options }: LiveOptions = {}): Promise<Live> {
  const scene: Scene = { copied: [], open: 0 }
  const errors: SqlError[] = []
  const server = await startPostgres({
    ...options,
    host: '127.0.0.1',
    port: 0,
    doorkeeper: () => doorkeeper ?? null,
    open: async ({ database }) => {
      if (database === 'missing') {
        throw new SqlError('3D000', `database "${database}" does not exist`)
      }
      return new TestSession(scene)
    },
    onError: (error) => errors.push(error),
  })
  return { server, scene, errors }
}

/** Lets two tokens in: `secret` everywhere, `reader` to read `default`. */
export async function testDoorkeeper(): Promise<Doorkeeper> {
  const by = { salt: Buffer.from('0123456789abcdef'), iterations: 4096 }
  const account = async (secret: string, access: Account['access']): Promise<Account> => {
    return { verifier: await verifierOf(secret, by), access, check: () => {} }
  }
  const accounts = [
    await account('secret', () => new Set(['read', 'write', 'admin'] as const)),
    await account('reader', (database) => new Set(database === 'default' ? ['read'] : [])),
  ]
  return { ...by, accounts: () => accounts }
}

/** Output of a program, and of what it wrote on stderr. */
export function run(
  program: string,
  arguments_: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 1 << 28 }
    execFile(program, arguments_, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1)
      resolve({ code, stdout, stderr })
    })
  })
}

/** A message with its type and length. */
export function message(type: string, ...parts: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const head = Buffer.alloc(4)
  head.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), head, body])
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export const startupMessage = (minor = 0, ...more: string[]): Buffer =>
  message('', int32((3 << 16) | minor), ['user', 'tester', ...more, ''].join('\0'), '\0')

/** A connection that speaks bytes. */
export class RawClient {
  readonly socket: Socket
  private received = Buffer.alloc(0)
  private isOver = false
  private wake = (): void => {}

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk as Buffer])
      this.wake()
    })
    this.socket.on('close', () => {
      this.isOver = true
      this.wake()
    })
  }

  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts))
  }

  /** The next so many bytes; fewer when the connection is over. */
  async bytes(count: number): Promise<Buffer> {
    while (this.received.length < count && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    const taken = this.received.subarray(0, count)
    this.received = this.received.subarray(count)
    return taken
  }

  /** The next message; null: the connection is over. */
  async message(): Promise<{ type: string; body: Buffer } | null> {
    const head = await this.bytes(5)
    if (head.length < 5) return null
    const body = await this.bytes(head.readInt32BE(1) - 4)
    return { type: String.fromCharCode(head[0]!), body }
  }

  /** Types of messages up to one of a type, or the end. */
  async until(type: string): Promise<string> {
    let types = ''
    for (let next = await this.message(); next !== null; next = await this.message()) {
      types += next.type
      if (next.type === 'E') types += `(${/\0C([^\0]*)/.exec(next.body.toString())![1]})`
      if (next.type === type) return types
    }
    return `${types}.`
  }

  close(): void {
    this.socket.destroy()
  }
}
