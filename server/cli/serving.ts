// A running server: opens the directory, listens, and stays until it is told to stop. The first
// SIGTERM (or Ctrl-C) answers what is in flight, flushes and exits 0; a second one stops at once,
// and the log has what was acknowledged.

import type { Database } from '../../engine/database.ts'
import { open, repair } from '../../engine/node.ts'
import { DEMO_QUERY, demoCommands, startDemo, type Demo } from '../demo.ts'
import { EVERY_DATABASE } from '../grant.ts'
import { createApp } from '../app.ts'
import { createTokenStore, startServer, type RunningServer, type ServerOptions } from '../node.ts'
import type { RunningWire } from '../node/wire.ts'
import type { TokenStore } from '../token-store.ts'
import { VERSION } from '../version.ts'
import { messageLine, requestLines } from './request-lines.ts'
import type { Settings } from './serve.ts'
import { FAILED, print, printable, warn, type Terminal } from './terminal.ts'

/** Milliseconds that requests in flight have after the first signal; all must end within 10 s. */
const GRACE_MS = 5_000

/** Serves until a signal; resolves when everything is flushed and closed. */
export async function runServer(settings: Settings, terminal: Terminal): Promise<void> {
  const stopped = untilSignal()
  if (settings.engine.acceptDataLoss === true) await acceptLoss(settings.data, terminal)
  const db = await open(settings.data, settings.engine)
  try {
    await serve(db, settings, stopped, terminal)
  } finally {
    await db.close()
  }
}

/** What the start would do by itself, so that its words reach whoever typed the option. */
async function acceptLoss(path: string, terminal: Terminal): Promise<void> {
  const { actions, report } = await repair(path, { isDeep: false })
  for (const action of actions) warn(terminal, `accepted: ${printable(action)}`)
  if (report !== null) warn(terminal, `accepted: what is lost is in ${report}.txt`)
}

async function serve(
  db: Database,
  settings: Settings,
  stopped: Promise<void>,
  terminal: Terminal,
): Promise<void> {
  const tokens = createTokenStore(db, settings)
  await tokens.load()
  await initToken(tokens, settings, terminal)
  const server = await startServer(db, { ...serverOptions(settings, terminal), tokens })
  const wire = await startWire(db, settings, tokens)
  reloadTls([server, wire], settings, terminal)
  let demo: Demo | null = null
  try {
    demo = settings.demo ? await startNodeDemo(db, terminal) : null
    const { url } = server
    await print(terminal.stdout, `OmenDB ${VERSION} ready on ${url}, data ${settings.data}\n`)
    if (wire !== null) await print(terminal.stdout, `PostgreSQL's wire on ${wire.address}\n`)
    const isGuarded = settings.token !== undefined || tokens.size > 0
    const scene = { demo, db, server, isGuarded }
    if (demo) await print(terminal.stdout, await describeDemo(scene, settings))
    await stopped
  } finally {
    await Promise.all([demo?.stop(), closeSoon(server), wire && closeSoon(wire)])
  }
}

/** PostgreSQL's wire, if it is asked for: as open and as guarded as HTTP is. */
async function startWire(
  db: Database,
  settings: Settings,
  tokens: TokenStore,
): Promise<RunningWire | null> {
  const { pgPort: port, host, token, readTls } = settings
  if (port === null) return null
  // Only here: most servers do without.
  const { startNodeWire } = await import('../node/wire.ts')
  const tls = readTls === null ? {} : { tls: readTls() }
  return startNodeWire(db, { host, port, token, tokens, ...tls })
}

const SECRET_LINE = 'The first admin token, which is not shown again (Authorization: Bearer …):'

/** Makes the first token, if that is asked for and there is none, and prints it before anything can fail. */
async function initToken(
  tokens: TokenStore,
  settings: Settings,
  terminal: Terminal,
): Promise<void> {
  if (!settings.initToken || settings.token !== undefined || tokens.size > 0) return
  const scopes = new Map([[EVERY_DATABASE, new Set(['admin'] as const)]])
  const { secret } = await tokens.create({ name: 'admin', scopes, expiresAt: null })
  await print(terminal.stdout, `${SECRET_LINE}\n  ${secret}\n`)
}

function serverOptions(settings: Settings, terminal: Terminal): ServerOptions {
  const { host, port, token, insecure, corsOrigins, requestLimits, log, slowQueryMs } = settings
  const write = (line: string): void => warn(terminal, line)
  const requestLog = requestLines({ form: log, slowQueryMs }, write)
  return {
    ...{ host, port, token, insecure, corsOrigins, requestLimits },
    ...(settings.readTls === null ? {} : { tls: settings.readTls() }),
    ...(requestLog === null ? {} : { requestLog }),
    log: (message) => write(messageLine(log, Date.now(), message)),
  }
}

/** SIGHUP: certificate and key are read again; if they are no good, the old ones stay. */
function reloadTls(
  servers: readonly (Pick<RunningServer, 'setTls'> | null)[],
  settings: Settings,
  terminal: Terminal,
): void {
  const { readTls } = settings
  if (readTls === null) return
  process.on('SIGHUP', () => {
    try {
      const tls = readTls()
      for (const server of servers) server?.setTls(tls)
      warn(terminal, 'TLS: certificate and key were read again')
    } catch (error) {
      warn(terminal, `${error instanceof Error ? error.message : String(error)}; the old ones stay`)
    }
  })
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process there and then. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0
    const stop = (): void => {
      count++
      if (count > 1) process.exit(FAILED)
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}

/** Lets requests in flight finish, but not for ever: one that hangs must not keep a flush waiting. */
async function closeSoon(server: Pick<RunningServer, 'close' | 'destroy'>): Promise<void> {
  const timer = setTimeout(() => server.destroy(), GRACE_MS)
  await server.close()
  clearTimeout(timer)
}

function startNodeDemo(db: Database, terminal: Terminal): Promise<Demo> {
  const clock = {
    now: () => BigInt(Date.now()) * 1_000_000n,
    after(delayMs: number, call: () => void) {
      const timer = setTimeout(call, delayMs).unref()
      return () => clearTimeout(timer)
    },
  }
  return startDemo(db, clock, (error) => {
    const message = error instanceof Error ? error.message : String(error)
    warn(terminal, `demo: a step could not be stored: ${message}`)
  })
}

/** A demo that runs: what it is shown with. */
interface Scene {
  readonly demo: Demo | null
  readonly db: Database
  readonly server: RunningServer
  readonly isGuarded: boolean
}

async function describeDemo(
  { demo, db, server, isGuarded }: Scene,
  { host, data }: Settings,
): Promise<string> {
  if (demo?.isRunning !== true) return `--demo: ${data} has data already and is left alone\n`
  const isAnywhere = ['0.0.0.0', '::', '[::]'].includes(host)
  const url = isAnywhere
    ? server.url.replace(/\/\/[^/]*/, `//127.0.0.1:${server.port}`)
    : server.url
  const answer = await createApp(db, { trusted: true }).request(DEMO_QUERY)
  const [first, ...others] = demoCommands(url, isGuarded)
  const lines = [
    'Sample data: table cpu, 10 hosts, a point every 10 s from 24 h ago on. A first query:',
    `  ${first}`,
    (await answer.text()).trim(),
    'Also worth trying:',
    ...others.map((command) => `  ${command}`),
  ]
  return `${lines.join('\n')}\n`
}
