// A server of its own for a benchmark: a child process on a free port with an empty directory, or one
// that the benchmark filled, which is removed afterwards. The bundle if there is one, else the sources.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'

export interface BenchServer {
  readonly url: string
  readonly pid: number
  /** What runs: `dist/cli.js` or `server/cli.ts`. */
  readonly program: string
  stop(): Promise<void>
}

/** Starts it and resolves when it is ready. It takes over the directory `data`; `flags` are Node's, `options` its own. */
export async function startBenchServer(
  data = mkdtempSync(join(tmpdir(), 'omendb-bench-')),
  flags: readonly string[] = [],
  options: readonly string[] = [],
): Promise<BenchServer> {
  const program = existsSync('dist/cli.js') ? 'dist/cli.js' : 'server/cli.ts'
  const start = program.endsWith('.ts') ? ['scripts/run.js', program] : [program]
  const args = [...flags, ...start, 'serve', '--port', '0', '--data', data, ...options]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, OMENDB_HOST: '', OMENDB_TOKEN: '' },
  })
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const ready = /ready on (http:\S+),/.exec(output)
      if (ready) resolve(ready[1]!)
    })
    child.once('exit', (code) => reject(new Error(`the server exited with ${code}: ${output}`)))
  })
  return {
    url,
    pid: child.pid!,
    program,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      rmSync(data, { recursive: true, force: true })
    },
  }
}
