// `omendb serve`: its options, where they come from, and what may not be served. The server itself
// is in serving.ts, which the other commands do not load.

import { existsSync, readFileSync } from 'node:fs'
import { SCAN_WORKERS_MAX } from '../../engine/memory-share.ts'
import type { NodeOptions } from '../../engine/node.ts'
import { refuseBinding } from '../config.ts'
import type { TlsFiles } from '../node.ts'
import type { RequestLimits } from '../throttle.ts'
import { defineCommand } from './command.ts'
import { namesOf, oneOf, wholeNumber, withEnvironment, type Given } from './flags.ts'
import { readMemory } from './memory.ts'
import { LOG_FORMS, type LogForm } from './request-lines.ts'
import { SERVE_FLAGS } from './server-flags.ts'
import { CommandError, UsageError, type Terminal } from './terminal.ts'

export const serveCommand = defineCommand({
  name: 'serve',
  operands: '',
  operandCount: [0, 0],
  summary: 'run the server',
  example: 'omendb serve --port 8080 --data ./data --demo',
  notes: [
    'In brackets: what is taken without the option, and the variable that stands for it.',
    'OMENDB_TOKEN is an admin token. Without it, and before the first token is made (--init-token,',
    'or omendb token create), the server serves this machine only.',
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
  /** Of PostgreSQL's wire; null: it is not served. */
  readonly pgPort: number | null
  readonly data: string
  readonly token: string | undefined
  readonly initToken: boolean
  readonly insecure: boolean
  readonly demo: boolean
  /** Reads the certificate and its key, also anew; null: HTTP. */
  readonly readTls: (() => TlsFiles) | null
  readonly corsOrigins: readonly string[]
  readonly requestLimits: Partial<RequestLimits>
  readonly log: LogForm
  readonly slowQueryMs: number
  readonly engine: NodeOptions
}

const COUNT_MAX = 1_000_000_000

/** Options before environment before defaults; refuses what would open the data to others. */
function readSettings(given: Given<typeof SERVE_FLAGS>, { env }: Terminal): Settings {
  const flags = withEnvironment(given, SERVE_FLAGS, env)
  const nameOf = namesOf(given, SERVE_FLAGS)
  const number = (name: keyof typeof SERVE_FLAGS, otherwise: number, most: number): number => {
    const text = flags[name]
    return typeof text === 'string' ? wholeNumber(text, nameOf(name), most) : otherwise
  }
  const engine: NodeOptions = {
    ...readMemory(flags, nameOf),
    scrubBytesPerSecond: number('scrub-rate', 4, 1_000_000) << 20,
    acceptDataLoss: flags['accept-data-loss'] ?? false,
    trustClock: flags['trust-clock'] ?? false,
    scanWorkers: number('scan-workers', 0, SCAN_WORKERS_MAX),
  }
  const settings: Settings = {
    host: flags.host ?? '127.0.0.1',
    port: number('port', 8080, 65_535),
    pgPort: flags['pg-port'] === undefined ? null : number('pg-port', 0, 65_535),
    data: flags.data ?? './data',
    token: env['OMENDB_TOKEN'] || undefined,
    initToken: flags['init-token'] ?? false,
    insecure: flags.insecure ?? false,
    demo: flags.demo ?? false,
    readTls: tlsReader(flags['tls-cert'], flags['tls-key']),
    corsOrigins: readOrigins(flags['cors-origin'] ?? '', nameOf('cors-origin')),
    requestLimits: {
      perSecond: number('rate-limit', 0, COUNT_MAX),
      ...(flags['max-requests'] === undefined
        ? {}
        : { atOnce: number('max-requests', 0, COUNT_MAX) }),
    },
    log: oneOf(flags.log ?? 'off', nameOf('log'), LOG_FORMS),
    slowQueryMs: number('slow-query', 0, COUNT_MAX),
    engine,
  }
  refuseOpen(settings, given.host === undefined)
  return settings
}

/** Before anything is opened: a directory that is not there has no tokens. */
function refuseOpen(settings: Settings, isImage: boolean): void {
  const { host, port, data, token, insecure, initToken } = settings
  if (initToken || existsSync(data)) return
  const refusal = refuseBinding({ host, token, insecure })
  if (refusal === null) return
  // Only an image names the host in the environment, and its user types `docker run`.
  throw new CommandError(isImage ? `${host} needs a token: ${dockerCommand(port)}` : refusal)
}

const dockerCommand = (port: number): string =>
  `docker run -e OMENDB_TOKEN=$(openssl rand -hex 32) -p 127.0.0.1:${port}:${port} -v omendb:/data omendb`

function tlsReader(cert: string | undefined, key: string | undefined): (() => TlsFiles) | null {
  if (cert === undefined && key === undefined) return null
  if (cert === undefined || key === undefined) {
    throw new UsageError('--tls-cert and --tls-key are needed together')
  }
  const read = (): TlsFiles => ({ cert: readPem(cert), key: readPem(key) })
  read() // says now what is missing, before anything is opened
  return read
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError(`TLS: ${why}`, { cause })
  }
}

/** `https://a.example,http://localhost:3000`, or `*`. Throws a UsageError for what is no origin. */
function readOrigins(text: string, name: string): string[] {
  const origins = text.split(',').map((one) => one.trim())
  return origins.flatMap((origin) => {
    if (origin === '') return []
    if (origin !== '*' && originOf(origin) !== origin) {
      throw new UsageError(`${name} ${origin}: an origin is like https://a.example, without a path`)
    }
    return [origin]
  })
}

function originOf(text: string): string | null {
  try {
    return new URL(text).origin
  } catch {
    return null
  }
}
