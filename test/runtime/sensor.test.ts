// The example of a page with a database of its own, in Chromium: it samples and draws, and does so without
// its server, after a reload and in another browser, with what it had.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BuiltFiles, buildBrowserFiles } from './browser-files.ts'
import { CHROMIUM } from './chromium.ts'
import { Browser, type Tab } from './devtools.ts'

// The reason to skip: there is no Chromium here.
describe.skipIf(CHROMIUM === null)('the sensor', { timeout: 120_000 }, () => {
  let files: BuiltFiles
  let server: ChildProcess
  let browser: Browser
  const profile = mkdtempSync(join(tmpdir(), 'omendb-profile-'))

  beforeAll(async () => {
    files = await buildBrowserFiles()
    const env = { ...process.env, OMENDB_DIST: files.directory, PORT: '0' }
    server = spawn('node', ['examples/browser/sensor/serve.js'], { env })
    browser = new Browser(profile)
  }, 120_000)

  afterAll(async () => {
    server.kill()
    await browser.kill()
    files.remove()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })

  /** Waits for a drawing that begins with more points of before than this. */
  async function drawn(tab: Tab, before: number): Promise<number> {
    for (;;) {
      const [state, path] = await tab
        .run(() => [
          document.getElementById('state')?.textContent ?? '',
          document.getElementById('mean')?.getAttribute('d') ?? '',
        ])
        .catch(() => ['', ''])
      const [, samples, found] = /^(\d+) samples .* (\d+) were here before$/.exec(state!) ?? []
      const isDrawn = /^M[\d.]+,[\d.]+L/.test(path!)
      if (isDrawn && Number(found) > before && Number(samples) > Number(found)) return Number(found)
      if (/locked|Not stored|fails/.test(state!)) expect.fail(state)
    }
  }

  test('samples, and goes on without a server where it was', async () => {
    const [said] = (await once(server.stdout!, 'data')) as [Buffer]
    const url = /http:\S+/.exec(said.toString())![0]
    // As browsers ask for it unasked.
    expect((await fetch(`${url}/favicon.ico`)).status).toBe(404)
    const tab = await browser.open(url)
    expect(await drawn(tab, -1)).toBe(0)
    await tab.run(() => navigator.serviceWorker.ready.then(() => true))
    server.kill()
    await once(server, 'exit')
    await tab.send('Page.enable')
    await tab.send('Page.reload')
    const found = await drawn(tab, 0)
    await browser.kill()
    browser = new Browser(profile)
    expect(await drawn(await browser.open(url), found)).toBeGreaterThan(found)
  })
})
