// Every example is run as its header says, against a live server, and prints what it promises. The one
// for Workers runs in workerd: test/runtime/workers/example.test.ts.

import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { spawnCommand, type Child } from './cli/process.ts'
import { CHROMIUM } from './runtime/chromium.ts'
import { useLiveServer } from './server/live.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'omendb-examples-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const live = useLiveServer()

async function run(
  command: string,
  args: string[],
  more: Record<string, string> = {},
): Promise<string> {
  const data = join(directory, 'data')
  const own = { OMENDB_URL: live.url, OMENDB_TOKEN: '', OMENDB_DATA: data }
  const env = { ...process.env, ...own, ...more }
  return (await promisify(execFile)(command, args, { cwd: ROOT, env })).stdout
}

/** Bundles a source with all that it imports; the file in `directory`. */
async function bundle(entry: string, name: string): Promise<string> {
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^omendb\/client$/, replacement: join(ROOT, 'client/index.ts') },
        { find: /^omendb$/, replacement: join(ROOT, 'server/local/node.ts') },
      ],
    },
    ssr: { noExternal: true },
    build: {
      ssr: join(ROOT, entry),
      target: 'node20',
      outDir: directory,
      emptyOutDir: false,
      rolldownOptions: { output: { entryFileNames: name } },
    },
  })
  return join(directory, name)
}

test('curl: writes, queries, exports and deletes', async () => {
  const output = await run('bash', ['examples/curl/room.sh'])
  expect(output).toContain('{"written":3,"rejected":0')
  expect(output).toContain('"fields":{"mean":[21.5,21.75]}')
  expect(output).toContain('2026-09-21T14:13:20Z,1,21.5')
  expect((await live.get('/v1/tables'))['tables']).toEqual([])
})

test('TypeScript: prints four quarters of two hosts, with exact sums', async () => {
  const output = await run('node', [await bundle('examples/typescript/cpu.ts', 'cpu.mjs')])
  const lines = output.trim().split('\n')
  expect(lines).toHaveLength(9)
  expect(lines[0]).toMatch(/^2026-09-21T12:00:00.000Z db [\d.]+ [\d.]+ 90n$/)
  expect(lines[8]).toMatch(/^\d+ points above 80 %$/)
})

/** The Python that has these modules. */
const pythonWith = (modules: string): string | undefined =>
  ['python3', '/usr/bin/python3'].find(
    (name) => spawnSync(name, ['-c', `import ${modules}`]).status === 0,
  )
const PYTHON = pythonWith('requests, pandas, pyarrow')
const PSYCOPG = pythonWith('psycopg, pandas')

test('Node: keeps a week in a directory, and finds it when it is run again', async () => {
  const program = await bundle('examples/node/weather.ts', 'weather.mjs')
  copyFileSync(join(ROOT, 'engine/omendb.wasm'), join(directory, 'omendb.wasm'))
  for (let round = 0; round < 2; round++) {
    const lines = (await run('node', [program])).trim().split('\n')
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\d harbour \d+\.\d to \d+\.\d °C \d+\.\d mm$/)
    expect(lines.length).toBeGreaterThanOrEqual(15)
    expect(lines.at(-1)).toMatch(/^2\d\d\d points, \d+ bytes in segments$/)
  }
})

// The reason to skip: requests, pandas or pyarrow is missing; CI installs them.
test.skipIf(PYTHON === undefined)('Python: pandas resamples what Arrow brought', async () => {
  const output = await run(PYTHON!, ['examples/python/room.py'])
  expect(output).toContain("{'mean': [")
  expect(output.match(/2026-09-21 1\d:00:00\+00:00\s+\d+/g)?.length).toBeGreaterThanOrEqual(3)
})

describe("PostgreSQL's wire", () => {
  let child: Child
  let url: string
  beforeAll(async () => {
    const data = join(directory, 'wire')
    child = spawnCommand(['serve', '--port', '0', '--pg-port', '0', '--data', data])
    const [, address] = await child.printed(/PostgreSQL's wire on (\S+:\d+)/)
    url = `postgresql://omendb@${address}/default`
  })
  afterAll(async () => {
    child.process.kill('SIGTERM')
    expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
  })

  test('node-postgres: inserts columns, asks with parameters, walks a cursor', async () => {
    const output = await run('node', ['examples/postgres/meter.js'], { DATABASE_URL: url })
    const lines = output.trim().split('\n')
    expect(lines.slice(0, 2)).toEqual(['1440 points of cellar', '1440 points of roof'])
    expect(lines[2]).toBe('2026-09-21T00:00:00.000Z cellar 179')
    expect(lines[9]).toBe('2026-09-21T18:00:00.000Z roof -391')
    expect(lines.slice(10)).toEqual(['-6.50 kWh'])
  })

  // The reason to skip: psycopg 3 or pandas is missing; CI installs them.
  test.skipIf(PSYCOPG === undefined)(
    'psycopg 3: copies a day in, pandas has its hours, a cursor its rows',
    async () => {
      const output = await run(PSYCOPG!, ['examples/postgres/meter.py'], { DATABASE_URL: url })
      expect(output).toMatch(/2026-09-21 18:00:00\+00:00\s+149\.5\s+-420\.5\n/)
      expect(output).toMatch(/\n-6\.50 kWh\n$/)
    },
  )
})

// The reason to skip: there is no Chromium here.
describe.skipIf(CHROMIUM === null)('browser', () => {
  test('the page draws a line of an hour', { timeout: 60_000 }, async () => {
    const client = await bundle('client/index.ts', 'client.mjs')
    const env = { ...process.env, OMENDB_URL: live.url, OMENDB_CLIENT: client, PORT: '0' }
    const server = spawn('node', ['examples/browser/serve.js'], { cwd: ROOT, env })
    onTestFinished(() => void server.kill())
    const [said] = (await once(server.stdout, 'data')) as [Buffer]
    const url = /http:\S+/.exec(said.toString())![0]
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=10000']
    const profile = `--user-data-dir=${join(directory, 'profile')}`
    const page = await run(CHROMIUM!, [...flags, profile, '--dump-dom', url])
    expect(page).toContain('60 buckets of 361 points')
    expect(page).toMatch(/<path id="line" d="M0,[\d.]+L/)
  })
})
