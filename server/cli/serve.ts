// `omendb serve`: its options, where they come from, and what may not be served. The server itself
// is in serving.ts, which the other commands do not load.

import { SCAN_WORKERS_MAX } from '../../engine/memory-share.ts'
import type { NodeOptions } from '../../engine/node.ts'
import { refuseBinding } from '../config.ts'
import { defineCommand } from './command.ts'
import { wholeNumber, type Given } from './flags.ts'
import { MEMORY_FLAGS, readMemory } from './memory.ts'
import { CommandError, type Terminal } from './terminal.ts'

const SERVE_FLAGS = {
  host: { value: 'HOST', help: 'address to listen on (OMENDB_HOST, default 127.0.0.1)' },
  port: { value: 'PORT', help: 'port, 0 = any free one (OMENDB_PORT, default 8080)' },
  data: { value: 'DIR', help: 'data directory, made if missing (OMENDB_DATA, default ./data)' },
  demo: { help: 'fill an empty directory with sample data and keep it growing' },
  insecure: { help: 'serve other machines without a token' },
  'accept-data-loss': { help: 'open a damaged directory without what is lost, and report that' },
  'scrub-rate': {
    value: 'MIB',
    help: 'MiB a second read to look for damage (default 4, 0 = none)',
  },
  'scan-workers': {
    value: 'N',
    help: 'threads that aggregate large ranges, 0 to 4 (default 0), each an eighth of the memory',
  },
  'trust-clock': { help: 'the clock is right, however far it is from the last time seen' },
  ...MEMORY_FLAGS,
} as const

export const serveCommand = defineCommand({
  name: 'serve',
  operands: '',
  operandCount: [0, 0],
  summary: 'run the server',
  example: 'omendb serve --port 8080 --data ./data --demo',
  notes: [
    'OMENDB_TOKEN is the admin token. Without it the server serves this machine only.',
    'SIGTERM and Ctrl-C finish what is in flight, flush and exit; a second one stops at once.',
  ],
  flags: SERVE_FLAGS,
  async run({ flags }, terminal) {
    const settings = readSettings(flags, terminal)
    const { runServer } = await import('./serving.ts')
    await runServer(settings, terminal)
  },
})

/** What a server is started with. */
export interface Settings {
  readonly host: string
  readonly port: number
  readonly data: string
  readonly token: string | undefined
  readonly insecure: boolean
  readonly demo: boolean
  readonly engine: NodeOptions
}

/** Options before environment before defaults; refuses what would open the data to others. */
function readSettings(flags: Given<typeof SERVE_FLAGS>, { env }: Terminal): Settings {
  const host = flags.host ?? (env['OMENDB_HOST'] || '127.0.0.1')
  const port =
    flags.port === undefined
      ? wholeNumber(env['OMENDB_PORT'] || '8080', 'OMENDB_PORT', 65_535)
      : wholeNumber(flags.port, '--port', 65_535)
  const data = flags.data ?? (env['OMENDB_DATA'] || './data')
  const token = env['OMENDB_TOKEN'] || undefined
  const insecure = flags.insecure ?? false
  const refusal = refuseBinding({ host, token, insecure })
  // Only an image names the host in the environment, and its user types `docker run`.
  if (refusal !== null && flags.host === undefined) {
    throw new CommandError(`${host} needs a token: ${dockerCommand(port)}`)
  }
  if (refusal !== null) throw new CommandError(refusal)
  const rate = wholeNumber(flags['scrub-rate'] ?? '4', '--scrub-rate', 1_000_000)
  const engine: NodeOptions = {
    ...readMemory(flags, { env }),
    scrubBytesPerSecond: rate << 20,
    acceptDataLoss: flags['accept-data-loss'] ?? false,
    trustClock: flags['trust-clock'] ?? false,
    scanWorkers: wholeNumber(flags['scan-workers'] ?? '0', '--scan-workers', SCAN_WORKERS_MAX),
  }
  return { host, port, data, token, insecure, demo: flags.demo ?? false, engine }
}

const dockerCommand = (port: number): string =>
  `docker run -e OMENDB_TOKEN=$(openssl rand -hex 32) -p 127.0.0.1:${port}:${port} -v omendb:/data omendb`
