// What an application has that Vite bundles, in a real Chromium: `omendb` in its page, `omendb/engine` in
// a worker of its own; and the storage contracts on the browser's own file system.

import { createReadStream, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildBrowserFiles } from './browser-files.ts'
import type { Application } from './browser/application.ts'
import type { Outcome } from './browser/contract-vitest.ts'
import { CHROMIUM } from './chromium.ts'
import { Browser, type Tab } from './devtools.ts'

declare const application: Application

const HERE = new URL('browser/', import.meta.url).pathname
const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
}

/** A directory with what Vite makes of a page that runs `script`, with `omendb` from the package's files. */
async function bundle(script: string, alias: Record<string, string>): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'omendb-vite-'))
  const page = `<!doctype html><meta charset="utf-8"><script type="module" src="${HERE}${script}"></script>`
  writeFileSync(join(root, 'index.html'), page)
  await build({
    configFile: false,
    logLevel: 'error',
    root,
    resolve: { alias },
    worker: { format: 'es' },
    build: { target: 'es2022', outDir: join(root, 'out') },
  })
  return root
}

function serve(directory: string): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const name = request.url === '/' ? 'index.html' : request.url!.slice(1)
    const file = join(directory, name)
    if (!existsSync(file)) return response.writeHead(404).end()
    response.setHeader('Content-Type', TYPES[extname(name)] ?? 'application/octet-stream')
    return createReadStream(file).pipe(response)
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      resolve({ server, origin: `http://127.0.0.1:${port}` })
    })
  })
}

// The reason to skip: there is no Chromium here.
describe.skipIf(CHROMIUM === null)('bundled by Vite, in Chromium', { timeout: 120_000 }, () => {
  const ends: (() => void | Promise<void>)[] = []
  let browser: Browser

  beforeAll(() => {
    const profile = mkdtempSync(join(tmpdir(), 'omendb-profile-'))
    browser = new Browser(profile)
    ends.push(async () => {
      await browser.kill()
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    })
  })

  afterAll(async () => {
    for (const end of ends.reverse()) await end()
  })

  /** A tab with the page of `script`, and its origin. */
  async function openBundled(script: string, alias: Record<string, string>): Promise<Tab> {
    const root = await bundle(script, alias)
    const { server, origin } = await serve(join(root, 'out'))
    ends.push(() => {
      server.closeAllConnections()
      server.close()
      rmSync(root, { recursive: true, force: true })
    })
    return browser.open(`${origin}/`)
  }

  async function loaded(tab: Tab, name: string): Promise<void> {
    while (!(await tab.run((key) => key in globalThis, name).catch(() => false)));
  }

  test('a page has a durable database, and a worker of its own the engine', async () => {
    const files = await buildBrowserFiles()
    ends.push(() => files.remove())
    const tab = await openBundled('application.ts', {
      'omendb/engine': join(files.directory, 'browser.js'),
      omendb: join(files.directory, 'omendb-browser.js'),
    })
    await loaded(tab, 'application')
    const written = await tab.run(() => application.db.write('t v=1.5 1000000'))
    expect(written).toMatchObject({ written: 1, ack: 'fsync' })
    expect(await tab.run(() => application.own())).toEqual([
      '1790000000000000000',
      21.5,
      'BigInt64Array',
    ])
    await tab.run(() => {
      delete (globalThis as { application?: unknown }).application
    })
    await tab.send('Page.enable')
    await tab.send('Page.reload')
    await loaded(tab, 'application')
    const series = await tab.run(async () => (await application.db.query({ table: 't' })).series)
    expect(series).toMatchObject([{ time: [1], fields: { v: [1.5] } }])
  })

  test("the storage contracts hold on the origin's own files", async () => {
    const vitest = join(HERE, 'contract-vitest.ts')
    const tab = await openBundled('contract-page.ts', { vitest })
    await loaded(tab, 'outcomes')
    const outcomes = await tab.run(
      () => (globalThis as unknown as { outcomes: Promise<Outcome[]> }).outcomes,
    )
    expect(outcomes.filter(({ failure }) => failure !== null)).toEqual([])
    expect(outcomes.length).toBeGreaterThanOrEqual(34)
  })
})
