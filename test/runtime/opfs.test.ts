// A durable database in a real Chromium, from the files that the package ships and a plain file server
// with a strict policy: reload, second tab, killed tab and browser, full quota, a large table.

import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LocalClient, open, persist } from '../../server/local/browser.ts'
import { type BuiltFiles, buildBrowserFiles } from './browser-files.ts'
import { CHROMIUM } from './chromium.ts'
import { Browser, type Tab } from './devtools.ts'

/** What the page's scripts have in their global scope. */
declare const omendb: { open: typeof open; persist: typeof persist }
declare let db: LocalClient

const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
}
/** Nothing but the origin's own scripts, and WebAssembly: no eval, no blob, no foreign worker. */
const POLICY = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'`
const PAGE = '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>'
const PAGE_SCRIPT = `globalThis.omendb = await import('/omendb-browser.js')`

function serve({ directory }: BuiltFiles): Server {
  return createServer((request, response) => {
    const name = request.url!.slice(1)
    response.setHeader('Content-Security-Policy', POLICY)
    response.setHeader('Content-Type', TYPES[extname(name)] ?? 'text/html')
    if (name === '' || name === 'page.js') return response.end(name === '' ? PAGE : PAGE_SCRIPT)
    const file = join(directory, name)
    if (!existsSync(file)) return response.writeHead(404).end()
    return createReadStream(file).pipe(response)
  })
}

// The reason to skip: there is no Chromium here.
describe.skipIf(CHROMIUM === null)('in Chromium', { timeout: 120_000 }, () => {
  let files: BuiltFiles
  let server: Server
  let origin: string
  let profile: string
  let browser: Browser

  beforeAll(async () => {
    files = await buildBrowserFiles()
    server = serve(files)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }, 120_000)

  afterAll(() => {
    server.closeAllConnections()
    server.close()
    files.remove()
  })

  beforeEach(() => {
    profile = mkdtempSync(join(tmpdir(), 'omendb-profile-'))
    browser = new Browser(profile)
  })

  afterEach(async () => {
    await browser.kill()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })

  /** A tab whose page has loaded the library. */
  async function openTab(): Promise<Tab> {
    const tab = await browser.open(`${origin}/`)
    await loaded(tab)
    return tab
  }

  async function loaded(tab: Tab): Promise<void> {
    while (!(await tab.run(() => 'omendb' in globalThis).catch(() => false)));
  }

  async function openDatabase(tab: Tab, location = 'opfs:test'): Promise<void> {
    await tab.run(async (name) => {
      Object.assign(globalThis, { db: await omendb.open(name) })
    }, location)
  }

  /** Values of a column `v` by time, in milliseconds. */
  function readValues(tab: Tab): Promise<[number, number][]> {
    return tab.run(async () => {
      const { series } = await db.query({ table: 't', limit: 1_000_000 })
      const [one] = series
      return one === undefined ? [] : one.time.map((at, i) => [at, Number(one.fields['v']![i])])
    })
  }

  test('a page that reloads, and a browser that starts again, find their data', async () => {
    const tab = await openTab()
    await openDatabase(tab)
    const written = await tab.run(() => db.write('t,room=a v=1.5 1000000\nt,room=a v=2.5 2000000'))
    expect(written).toMatchObject({ written: 2, ack: 'fsync' })
    await tab.send('Page.enable')
    await tab.run(() => {
      delete (globalThis as { omendb?: unknown }).omendb
    })
    await tab.send('Page.reload')
    await loaded(tab)
    await openDatabase(tab)
    expect(await readValues(tab)).toEqual([
      [1, 1.5],
      [2, 2.5],
    ])
    await browser.kill()
    browser = new Browser(profile)
    const later = await openTab()
    await openDatabase(later)
    expect(await readValues(later)).toHaveLength(2)
  })

  test('a second tab is refused by name, and gets in when the first one closes', async () => {
    const first = await openTab()
    await openDatabase(first)
    const second = await openTab()
    const refused = await second.run(() =>
      omendb.open('opfs:test').then(
        () => null,
        (error: { name: string; code: string; status: number; message: string }) => ({
          name: error.name,
          code: error.code,
          status: error.status,
          message: error.message,
        }),
      ),
    )
    expect(refused).toMatchObject({ name: 'OmenDBError', code: 'locked', status: 0 })
    expect(refused!.message).toMatch(/opfs:test is held by another tab .*close it there/)
    await openDatabase(second, 'opfs:other')
    await first.run(() => db.close())
    await openDatabase(second)
    await second.run(() => db.close())
    // A tab that goes without a word gives it back, too.
    await openDatabase(first)
    await first.close()
    await expect.poll(() => openDatabase(second).then(() => 'open', String)).toBe('open')
  })

  test.each(['tab', 'browser'])(
    'nothing acknowledged is lost when the %s is killed',
    async (what) => {
      const tab = await openTab()
      await openDatabase(tab)
      await tab.run(() => {
        const acked = [-4, -3, -2, -1]
        Object.assign(globalThis, { acked })
        const write = async (writer: number): Promise<void> => {
          for (let i = writer; ; i += 4) {
            await db.write(`t v=${i}i ${i}000000`)
            acked[writer] = i
          }
        }
        for (let writer = 0; writer < 4; writer++) void write(writer)
      })
      let acked = [0]
      while (Math.min(...acked) < 100) {
        acked = await tab.run(() => (globalThis as unknown as { acked: number[] }).acked)
      }
      if (what === 'tab') await tab.close()
      else {
        await browser.kill()
        browser = new Browser(profile)
      }
      const later = await openTab()
      await expect.poll(() => openDatabase(later).then(() => 'open', String)).toBe('open')
      const found = await readValues(later)
      const times = new Set(found.map(([at]) => at))
      acked.forEach((last, writer) => {
        for (let i = writer; i <= last; i += 4) expect(times.has(i), `point ${i}`).toBe(true)
      })
      for (const [at, value] of found) expect(value).toBe(at)
    },
  )

  test('at the quota writes say storage_full, reads go on, and with room so do writes', async () => {
    const tab = await openTab()
    await openDatabase(tab)
    await tab.run(() => db.write('t v=1 1000000'))
    const quota = (quotaSize?: number) =>
      tab.send('Storage.overrideQuotaForOrigin', { origin, quotaSize })
    await quota(1)
    const failed = await tab.run(async () => {
      const text = 'x'.repeat(30_000)
      for (let i = 0; i < 2_000; i++) {
        const line = Array.from({ length: 30 }, (_, k) => `big s="${text}" ${i * 30 + k}000000`)
        try {
          await db.write(line.join('\n'))
        } catch (error) {
          const { code, status, message } = error as {
            code: string
            status: number
            message: string
          }
          return { code, status, message }
        }
      }
      return null
    })
    expect(failed).toMatchObject({ code: 'storage_full', status: 507 })
    expect(failed!.message).toMatch(/the quota of this origin is used up/)
    expect(await readValues(tab)).toEqual([[1, 1]])
    await quota()
    await expect
      .poll(() => tab.run(() => db.write('t v=2 2000000').then(() => 'written', String)), {
        timeout: 30_000,
      })
      .toBe('written')
    await tab.run(() => db.close())
    await openDatabase(tab)
    expect(await readValues(tab)).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  test('a million late points and a delete of some are right, also for the next worker', async () => {
    const tab = await openTab()
    await openDatabase(tab)
    const count = await tab.run(async () => {
      const hour = 3_600_000
      for (let part = 9; part >= 0; part--) {
        const time = Array.from({ length: 100_000 }, (_, i) => part * 100_000 * 1_000 + i * 1_000)
        const v = time.map((at) => at / 1_000)
        await db.write({ table: 't', tags: { room: 'a' }, time, fields: { v } })
      }
      const deleted = await db.table('t').deleteRows({ start: hour, end: 2 * hour })
      await db.write({ table: 't', tags: { room: 'a' }, time: [hour], fields: { v: [-1] } })
      return deleted.deleted
    })
    expect(count).toBe(3_600)
    const ask = (): Promise<unknown> =>
      tab.run(async () => {
        const select = { n: 'count(v)', low: 'min(v)', high: 'max(v)', sum: 'sum(v)' }
        const { series } = await db.query({ table: 't', select })
        return Object.fromEntries(
          Object.entries(series[0]!.fields).map(([name, values]) => [name, values.map(Number)]),
        )
      })
    const before = await ask()
    expect(before).toMatchObject({ n: [996_401], low: [-1], high: [999_999] })
    await tab.run(() => db.close())
    await openDatabase(tab)
    expect(await ask()).toEqual(before)
  })

  test('site data that is cleared while a database is open is noticed, and it opens again', async () => {
    const tab = await openTab()
    await openDatabase(tab)
    await tab.run(() => db.write('t v=1 1000000'))
    await tab.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' })
    const refused = (): Promise<string> =>
      tab.run(() =>
        db.write('t v=2 2000000').then(
          () => 'written',
          (error: { code: string; message: string }) => `${error.code} ${error.message}`,
        ),
      )
    await expect
      .poll(refused, { timeout: 30_000 })
      .toMatch(/^unavailable .*data of this site was cleared/)
    const health = await tab.run(() =>
      db.health().then(
        (one) => one,
        (error: Error) => error,
      ),
    )
    expect(JSON.stringify(health)).toMatch(/data of this site was cleared/)
    await tab.run(() => db.close().catch(() => {}))
    await openDatabase(tab)
    expect(await tab.run(() => db.write('t v=3 3000000'))).toMatchObject({ ack: 'fsync' })
    expect(await readValues(tab)).toEqual([[3, 3]])
  })

  test('an export streams, a call can be given up, and a closed database refuses', async () => {
    const tab = await openTab()
    await openDatabase(tab, 'memory:')
    const found = await tab.run(async () => {
      const time = Array.from({ length: 50_000 }, (_, i) => i)
      await db.write({ table: 't', time, fields: { v: time } })
      let rows = 0
      for await (const row of db.rows({ table: 't' })) rows += row['v'] === null ? 0 : 1
      const abort = new AbortController()
      const events: unknown[] = []
      const reading = (async () => {
        for await (const event of db.tail({ table: 't' }, { signal: abort.signal })) {
          events.push(event)
          abort.abort(new Error('enough'))
        }
      })()
      const written = setInterval(() => void db.write('t v=1'), 20)
      const reason = await reading.catch((error: Error) => error.message)
      clearInterval(written)
      await db.close()
      const closed = await db.tables().catch((error: Error) => error.message)
      const engine = ((): string => {
        try {
          return db.engine.health().message
        } catch (error) {
          return (error as Error).message
        }
      })()
      return { rows, events: events.length, reason, closed, engine }
    })
    expect(found).toMatchObject({ rows: 50_000, events: 1 })
    expect(found.closed).toMatch(/memory: is closed/)
    expect(found.engine).toMatch(/omendb\/engine/)
  })

  test('what cannot be opened says why', async () => {
    const tab = await openTab()
    const refusals = await tab.run(() =>
      Promise.all(
        ['opfs:', 'opfs:../a', 'file:./data', 'nowhere'].map((location) =>
          omendb.open(location).then(
            () => 'opened',
            (error: { code: string; message: string }) => `${error.code} ${error.message}`,
          ),
        ),
      ),
    )
    expect(refusals[0]).toMatch(/^bad_request .*a name has/)
    expect(refusals[1]).toMatch(/^bad_request .*a name has/)
    expect(refusals[2]).toMatch(/^unsupported .*browsers offer/)
    expect(refusals[3]).toMatch(/^unsupported .*browsers offer/)
    expect(await tab.run(() => omendb.persist())).toBeTypeOf('boolean')
  })
})
