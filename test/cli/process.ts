// The command line, from source: no build is needed. `omendb` calls it in this process with streams
// of its own, `spawnCommand` starts it as a child, for what only a process has (signals, exit codes).

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { onTestFinished } from 'vitest'
import { open } from '../../engine/node.ts'
import { startServer } from '../../server/node.ts'
import { runCommandLine } from '../../server/cli/main.ts'

const root = resolve(import.meta.dirname, '../..')

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface Child {
  readonly process: ChildProcess
  /** Resolves with the first match in what it printed so far or prints later; rejects if it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  readonly ended: Promise<Ended>
}

/** No variable of the machine that runs the tests decides anything. */
function cleanEnvironment(env: Record<string, string>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('OMENDB_'))
  return { ...Object.fromEntries(own), ...env }
}

/** Starts `omendb …`; the caller sees to its end. */
export function spawnCommand(args: string[], env: Record<string, string> = {}, cwd = root): Child {
  const program = [join(root, 'scripts/run.js'), join(root, 'server/cli.ts')]
  const child = spawn(process.execPath, [...program, ...args], { cwd, env: cleanEnvironment(env) })
  let stdout = ''
  let stderr = ''
  const listeners = new Set<() => void>()
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    for (const listener of listeners) listener()
  })
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    stdout,
    stderr,
  }))
  const printed = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((done, reject) => {
      const look = (): void => {
        const match = pattern.exec(stdout)
        if (!match) return
        listeners.delete(look)
        done(match)
      }
      listeners.add(look)
      look()
      void ended.then(({ code }) => reject(new Error(`exit ${code}: ${stdout}${stderr}`)))
    })
  return { process: child, printed, ended }
}

export interface CallOptions {
  input?: string | Uint8Array
  env?: Record<string, string>
  /** Both output streams are a terminal. */
  isTerminal?: boolean
  /** The input is a terminal. */
  isTyped?: boolean
}

/** Runs `omendb …` in this process to its end. */
export async function omendb(args: string[], options: CallOptions = {}): Promise<Ended> {
  const stream = (): PassThrough & { isTTY?: boolean } =>
    Object.assign(new PassThrough({ highWaterMark: 2 ** 30 }), {
      isTTY: options.isTerminal ?? false,
    })
  const [stdout, stderr] = [stream(), stream()]
  const input = Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)])
  const stdin = Object.assign(input, { isTTY: options.isTyped ?? false })
  const code = await runCommandLine(args, { env: options.env ?? {}, stdin, stdout, stderr })
  const text = (from: PassThrough): string => (from.read() as Buffer | null)?.toString() ?? ''
  return { code, stdout: text(stdout), stderr: text(stderr) }
}

export interface Served extends Child {
  readonly url: string
}

/** Starts `omendb serve` on a free port and waits until it is ready. Killed when the test ends. */
export async function serve(args: string[], env: Record<string, string> = {}): Promise<Served> {
  const child = spawnCommand(['serve', '--port', '0', ...args], env)
  onTestFinished(() => void child.process.kill('SIGKILL'))
  const [, url] = await child.printed(/ready on (https?:\S+), data/)
  return { ...child, url: url! }
}

/** Arguments that lead to a fresh database: a server of this process, or a directory. */
export async function freshTarget(how: 'http' | 'directory'): Promise<string[]> {
  if (how === 'directory') return ['--data', freshPath()]
  const db = await open('memory:')
  const server = await startServer(db, { port: 0 })
  onTestFinished(async () => {
    await server.close()
    await db.close()
  })
  return ['--url', server.url]
}

/** A path in a new directory that is removed when the test ends; nothing is there yet. */
export function freshPath(name = 'data'): string {
  const directory = mkdtempSync(join(tmpdir(), 'omendb-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, name)
}
