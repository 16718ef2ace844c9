// A server of the command line in a child process, for tests that stop and kill it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface ServerProcess {
  readonly url: string
  readonly pid: number
  /** All that it has printed. */
  output(): string
  isRunning(): boolean
  /** Ends the process with the signal; its exit code, null if the signal ended it. */
  stop(signal: NodeJS.Signals): Promise<number | null>
}

/** Starts `omendb serve` from the sources on a free port unless `flags` name one, and waits until it says that it is ready. */
export async function startProcess(
  directory: string,
  flags: string[] = [],
  variables: Record<string, string> = {},
): Promise<ServerProcess> {
  const port = flags.includes('--port') ? [] : ['--port', '0']
  const args = ['scripts/run.js', 'server/cli.ts', 'serve', ...port, '--data', directory]
  const child = spawn(process.execPath, [...args, ...flags], {
    cwd: ROOT,
    env: { ...process.env, OMENDB_TOKEN: '', NODE_NO_WARNINGS: '1', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const read = (chunk: Buffer): void => void (output += chunk.toString())
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const url = await readyUrl(child)
  return {
    url,
    pid: child.pid!,
    output: () => output,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    async stop(signal) {
      const exit = once(child, 'exit')
      child.kill(signal)
      const [code] = (await exit) as [number | null]
      return code
    },
  }
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    const read = (chunk: Buffer): void => {
      output += chunk.toString()
      const found = /ready on (http:\/\/\S+?),/.exec(output)
      if (found) resolve(found[1]!)
    }
    child.stdout!.on('data', read)
    child.stderr!.on('data', read)
    child.once('exit', (code) => reject(new Error(`serve exited with ${code}: ${output}`)))
  })
}
