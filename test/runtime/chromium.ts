// A real Chromium without a window, for tests. Its profile is a directory that goes with it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of every start. */
export const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Where it is installed; null: nowhere. */
export const CHROMIUM: string | null =
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync) ??
  null

/** Opens a page; the result ends the browser. `flags`: further ones, `--screenshot=…` say. */
export function openPage(url: string, flags: readonly string[] = []): () => Promise<void> {
  const profile = mkdtempSync(join(tmpdir(), 'omendb-chromium-'))
  const args = [...FLAGS, `--user-data-dir=${profile}`, ...flags, url]
  // A group of its own: Chromium is many processes.
  const child = spawn(CHROMIUM!, args, { stdio: 'ignore', detached: true })
  const exit = once(child, 'exit')
  return async () => {
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
    await exit
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}
