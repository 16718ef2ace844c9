// A running server: opens the directory, listens, and stays until it is told to stop. The first
// SIGTERM (or Ctrl-C) answers what is in flight, flushes and exits 0; a second one stops at once,
// and the log has what was acknowledged.

import type { Database } from '../../engine/database.ts'
import { open, repair } from '../../engine/node.ts'
import { DEMO_QUERY, demoCommands, startDemo, type Demo } from '../demo.ts'
import { startServer, type RunningServer } from '../node.ts'
import { VERSION } from '../version.ts'
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
  const { host, port, token, insecure } = settings
  const server = await startServer(db, { host, port, token, insecure })
  let demo: Demo | null = null
  try {
    demo = settings.demo ? await startNodeDemo(db, terminal) : null
    const { url } = server
    await print(terminal.stdout, `OmenDB ${VERSION} ready on ${url}, data ${settings.data}\n`)
    if (demo) await print(terminal.stdout, await describeDemo(demo, server, settings))
    await stopped
  } finally {
    await Promise.all([demo?.stop(), closeSoon(server)])
  }
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
async function closeSoon(server: RunningServer): Promise<void> {
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

async function describeDemo(
  demo: Demo,
  server: RunningServer,
  settings: Settings,
): Promise<string> {
  if (!demo.isRunning) {
    return `--demo: ${settings.data} has data already and is left alone\n`
  }
  const { host, token } = settings
  const isAnywhere = ['0.0.0.0', '::', '[::]'].includes(host)
  const url = isAnywhere ? `http://127.0.0.1:${server.port}` : server.url
  const headers = new Headers(token === undefined ? {} : { authorization: `Bearer ${token}` })
  const answer = await fetch(url + DEMO_QUERY, { headers })
  const [first, ...others] = demoCommands(url, token !== undefined)
  const lines = [
    'Sample data: table cpu, 10 hosts, a point every 10 s from 24 h ago on. A first query:',
    `  ${first}`,
    (await answer.text()).trim(),
    'Also worth trying:',
    ...others.map((command) => `  ${command}`),
  ]
  return `${lines.join('\n')}\n`
}
